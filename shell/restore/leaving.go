package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// smtpd reports mail as removed before its files are deleted, which takes some time if
// there are many or the disk is slow. If a file were still in the queue, its copy would
// be mistaken for queued mail and lost.
const goingEvery = 50 * time.Millisecond

// stillQueued reports whether an envelope with the id of a copy, of which the queue has a file,
// is in the queue, so that the copy must not be restored, and counts it. It waits for files that
// are being deleted, as long as one disappears within the time-out.
func (r *restoration) stillQueued(ctx context.Context, id protocol.EnvelopeID) (bool, error) {
	listed := r.conn == nil // smtpd takes up what is on the disk when it starts
	if !listed {
		e, err := queue.LookUp(ctx, r.conn, id)
		if err != nil {
			return false, err
		}
		listed = e != nil
	}
	if listed {
		r.queued++
		return true, nil
	}
	if r.going.IsZero() {
		r.going = time.Now()
	}
	for {
		each, err := r.to.Look([]string{r.to.EnvelopePath(id)})
		if err != nil {
			return false, command.FileError(err)
		}
		if errors.Is(each[0], fs.ErrNotExist) {
			break
		}
		if time.Since(r.going) > r.c.Opts.Timeout {
			if r.refused++; r.refused <= refusedShown {
				r.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v is not restored: the queue has a file of it that smtpd does not list: show spool %v says why", id, id)))
			}
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-time.After(goingEvery):
		}
	}
	r.going = time.Now()
	return false, nil
}
