package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"

	"smtpctl/protocol/safefile"
)

// Bounds of what changes files of the queue.
const (
	triedNames  = 4        // of the folder in which the new files are made
	maxNewTexts = 16 << 20 // bytes of a call of Replace
)

// errPutEnded means that the shell that writes has ended before.
var errPutEnded = fmt.Errorf("%w: what writes files there has ended", ErrUnreachable)

// isID reports whether a word is 16 hex digits, as the names of the files of envelopes are.
func isID(word string) bool { return len(word) == 16 && isName(word[:8]) && isName(word[8:]) }

// queuePath returns the path of the file of an envelope in the queue.
func (p *putter) queuePath(id string) string {
	return p.dir + "/queue/" + id[:2] + "/" + id[:8] + "/" + id
}

// Replace implements safefile.Putter. The new files are made in a folder of their own in
// incoming. The end of the context of the files keeps what replaces from beginning, and later only
// from waiting longer than moveGrace.
func (p *putter) Replace(all []safefile.NewEnvelope) (replaced int, sure bool, err error) {
	if p.s.dead {
		return 0, true, p.f.h.fail(errPutEnded)
	}
	if len(all) == 0 {
		return 0, true, nil
	}
	var folder safefile.NewFolder
	for range triedNames {
		var b [4]byte
		rand.Read(b[:])
		folder.Names = append(folder.Names, hex.EncodeToString(b[:]))
	}
	var request strings.Builder
	size := 0
	for _, e := range all {
		if !isID(e.ID) {
			return 0, true, fmt.Errorf("%q: expected 16 hex digits", e.ID)
		}
		if size += len(e.Text); size > maxNewTexts {
			return 0, true, fmt.Errorf("envelopes of more than %d bytes at once", maxNewTexts)
		}
		request.WriteString(" " + e.ID)
		folder.Files = append(folder.Files, safefile.NewFile{Name: e.ID, Open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(e.Text)), int64(len(e.Text)), nil
		}})
	}
	name := ""
	if err := p.write([]safefile.NewFolder{folder}, func(_ int, as string) { name = as }); err != nil {
		return 0, true, err
	}
	ctx, stop, err := p.beyond()
	if err != nil {
		p.s.Close() // the shell there deletes the folder
		p.s.dead = true
		return 0, true, err
	}
	defer stop()
	return p.inOrder(ctx, "r "+name+request.String()+"\n", len(all), func(i int) string { return p.queuePath(all[i].ID) })
}

// Delete implements safefile.Putter, also after the end of the context of the files.
func (p *putter) Delete(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	for _, id := range ids {
		if !isID(id) || id[:8] != ids[0][:8] {
			return fmt.Errorf("%q: expected 16 hex digits, of one message", id)
		}
	}
	if p.s.dead {
		return p.f.h.fail(errPutEnded)
	}
	ctx := context.WithoutCancel(p.f.ctx)
	if err := p.s.send("u " + ids[0][:8] + " " + strings.Join(ids, " ") + "\n"); err != nil {
		return p.lost(ctx, err)
	}
	_, err := p.answer(ctx, p.queuePath(ids[0]))
	return err
}

// beyond returns a context in which a change of the queue that has begun is waited for: after the
// end of the context of the files for moveGrace. If that has ended before, it is an error.
func (p *putter) beyond() (ctx context.Context, stop func(), err error) {
	if cause := context.Cause(p.f.ctx); cause != nil {
		return nil, nil, cause
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.f.ctx))
	after := context.AfterFunc(p.f.ctx, func() {
		p.s.SetReadDeadline(time.Now().Add(moveGrace))
		time.AfterFunc(moveGrace, cancel)
	})
	ending := p.s.ending(ctx)
	return ctx, func() { ending(); after(); cancel() }, nil
}

// both returns one error of one line for two, of which the first may be nil.
func both(first, err error) error {
	if first == nil {
		return err
	}
	return fmt.Errorf("%w; %w", first, err)
}
