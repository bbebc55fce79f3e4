package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/render"
)

// A Batch is what one command did with the copies in a folder.
type Batch struct {
	Time    render.Time  `json:"time"`
	Event   copies.Event `json:"event"` // placing and queued are those of a restore that was interrupted
	Who     string       `json:"who,omitempty"`
	Command string       `json:"command,omitempty"`
	Host    string       `json:"host,omitempty"` // another machine, whose mail it is
	Into    string       `json:"into,omitempty"` // another machine, into whose queue it was put
	Count   int          `json:"envelopes"`
	IDs     []string     `json:"ids"`
	Mail    []Mail       `json:"mail"` // of the first 100,000 of them

	inflight int // were being delivered just then
	renamed  int // have another id in the queue
}

// Mail is what was recorded of an envelope.
type Mail struct {
	ID         string      `json:"id"`           // of the copy
	As         string      `json:"as,omitempty"` // in the queue, where it was restored
	From       string      `json:"from,omitempty"`
	To         string      `json:"to,omitempty"`
	Created    render.Time `json:"created,omitempty"`
	Tries      int         `json:"tries,omitempty"`
	Error      string      `json:"error,omitempty"`
	Inflight   bool        `json:"inflight,omitempty"`
	Sum        string      `json:"sha256,omitempty"`
	MessageSum string      `json:"message_sha256,omitempty"`
}

// maxMail is how many envelopes of a batch are kept with what was recorded of them.
const maxMail = 100_000

// add takes in a record.
func (b *Batch) add(r *copies.Record) {
	b.Count++
	if len(b.IDs) < maxIDs {
		b.IDs = append(b.IDs, r.ID)
	}
	if len(b.Mail) < maxMail {
		b.Mail = append(b.Mail, Mail{r.ID, r.As, r.From, r.To, r.Created, r.Tries, r.Error, r.Inflight, r.Sum, r.MessageSum})
	}
	if r.Inflight {
		b.inflight++
	}
	if r.As != "" && r.As != r.ID {
		b.renamed++
	}
}

// goesOn reports whether a record continues what the command of a batch did.
func (b *Batch) goesOn(r *copies.Record) bool {
	return b.Event == r.Event && b.Host == r.Host && b.Into == r.Into && (r.Command == "" || r.Command == b.Command && r.Who == b.Who)
}

// text returns the batch on one line.
func (b *Batch) text() string {
	n := render.Plural(b.Count, "envelope")
	into := ""
	if b.Into != "" {
		into = " of " + b.Into
	}
	what := ""
	switch b.Event {
	case copies.Placing:
		what = "interrupted while it put " + n + " into the queue" + into
	case copies.Queued:
		what = "interrupted after it had put " + n + " into the queue" + into + ", which smtpd may not have loaded"
	case copies.Dropped:
		what = n + " not put into the queue" + into + " after all"
	default:
		what = n + " " + string(b.Event)
		if b.Host != "" {
			what += " from " + b.Host
		}
		if b.Into != "" {
			what += " into " + b.Into
		}
	}
	if b.inflight > 0 {
		what += fmt.Sprintf(", %d in flight just then", b.inflight)
	}
	if b.renamed > 0 && b.Event != copies.Dropped {
		what += fmt.Sprintf(", %d under another id", b.renamed)
	}
	return fmt.Sprintf("%s %s: %s: %s", time.Unix(int64(b.Time), 0).Format(time.DateTime), b.Who, b.Command, what)
}

// A way is how far a restore has come with a copy.
type way struct {
	event copies.Event
	as    string // the id in the queue
}

// runShowFolder lists the journal beside copies, a line for each command. What a restore has
// recorded on its way is not listed, but where it is the last that was recorded.
func runShowFolder(_ context.Context, c *command.Call) error {
	fail := func(err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w; expected a folder that remove --save has written", command.PathOf(c), command.FileError(err))
		}
		return fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	left := map[string]way{} // by their ids, the copies that were on their way into the queue at the end
	err := copies.EachRecord(c.Text(0), func(r *copies.Record) error {
		if onTheWay(r.Event) {
			left[r.ID] = way{r.Event, r.As}
		} else {
			delete(left, r.ID)
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	var last *Batch
	print := func() error {
		if last == nil {
			return nil
		}
		return c.Print(command.Record{JSON: last, Text: render.Safe(last.text()) + "\n"})
	}
	who, typed := "", "" // of the restore whose records come now; only the first of each kind has them
	err = copies.EachRecord(c.Text(0), func(r *copies.Record) error {
		if r.Command != "" {
			who, typed = r.Who, r.Command
		}
		if !slices.Contains(listed, r.Event) || onTheWay(r.Event) && left[r.ID] != (way{r.Event, r.As}) {
			return nil
		}
		if last == nil || !last.goesOn(r) {
			if err := print(); err != nil {
				return err
			}
			last = &Batch{Time: r.Time, Event: r.Event, Who: who, Command: typed, Host: r.Host, Into: r.Into}
		}
		last.add(r)
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return print()
}

// listed are the events that are listed.
var listed = []copies.Event{copies.Saved, copies.Restored, copies.Dropped, copies.Placing, copies.Queued}

// onTheWay reports whether an event of a restore is followed by another one.
func onTheWay(e copies.Event) bool { return e == copies.Placing || e == copies.Queued }
