package queue

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// Times of a progress.
const (
	progressAfter = time.Second            // what ends sooner shows none
	progressEvery = 200 * time.Millisecond // between two updates
)

// A progress shows on a terminal how far a long command has got: how many
// envelopes it has seen, of how many, and how many a second. A nil one shows
// nothing.
type progress struct {
	w       io.Writer
	what    string
	done    int
	total   int // as far as known, or 0
	started time.Time
	shown   time.Time
	text    string // on the screen now
	every   int    // how many are done between two looks at the clock; 64 if zero
}

// newProgress begins to show one, if standard error is a terminal. For a listing it
// does so only if that goes to a file: on the terminal it shows by itself, and at
// the end of a pipe there may be a program that has the screen.
func newProgress(ctx context.Context, c *command.Call, conn *protocol.Conn, what string) *progress {
	if !command.IsTerminal(c.Err) || !c.Cmd.Changes() && !c.Out.ToFile {
		return nil
	}
	p := &progress{w: c.Err, what: what, started: time.Now()}
	if conn != nil {
		if d, err := conn.Digest(ctx); err == nil {
			p.total = int(d.Queued())
		}
	}
	return p
}

// A BytesProgress shows how much has been read of something long.
type BytesProgress struct{ p *progress }

// NewBytesProgress begins to show one, if standard error is a terminal.
func NewBytesProgress(c *command.Call, what string) *BytesProgress {
	if !command.IsTerminal(c.Err) {
		return &BytesProgress{}
	}
	return &BytesProgress{&progress{w: c.Err, what: what, started: time.Now(), every: 1}}
}

// Step counts one part.
func (p *BytesProgress) Step() { p.p.step() }

// End takes it off the screen.
func (p *BytesProgress) End() { p.p.end() }

// step counts one envelope.
func (p *progress) step() {
	if p == nil {
		return
	}
	p.done++
	if p.done%cmp.Or(p.every, 64) != 0 {
		return
	}
	now := time.Now()
	if now.Sub(p.started) < progressAfter || now.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = now
	text := fmt.Sprintf("%s %d", p.what, p.done)
	if p.total >= p.done {
		text += fmt.Sprintf(" of %d, %d%%", p.total, p.done*100/p.total)
	}
	text += fmt.Sprintf(", %d a second", int(float64(p.done)/now.Sub(p.started).Seconds()))
	fmt.Fprintf(p.w, "\r%s%*s\r", text, max(0, len(p.text)-len(text)), "")
	p.text = text
}

// end takes the progress off the screen.
func (p *progress) end() {
	if p != nil && p.text != "" {
		fmt.Fprintf(p.w, "\r%*s\r", len(p.text), "")
		p.text = ""
	}
}
