package disk

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// Differences are those between the queue on disk and smtpd's listing. Ids ascend.
type Differences struct {
	Unlisted  []protocol.EnvelopeID // files that smtpd does not list
	Lost      []protocol.EnvelopeID // listed, and without a file
	NoMessage []protocol.EnvelopeID // listed, and without the file of their message: the first of each
	More      bool                  // there were more than are kept
	Moving    bool                  // their number fell until the time was up
	Errors    []error               // folders that could not be read: the first few

	listed map[protocol.MessageID]bool // messages of Unlisted of which smtpd lists others
}

// Bounds of Differences beside those of a comparison.
const maxErrors = 5

// Listed reports whether smtpd lists other envelopes of the message of an unlisted one.
func (d *Differences) Listed(id protocol.EnvelopeID) bool { return d.listed[id.Msg()] }

func (d *Differences) count() int { return len(d.Unlisted) + len(d.Lost) + len(d.NoMessage) }

// add keeps an id, if there is room.
func (d *Differences) add(list *[]protocol.EnvelopeID, id protocol.EnvelopeID) {
	if len(*list) >= unlistedMost {
		d.More = true
		return
	}
	*list = append(*list, id)
}

// Compare finds the differences between the queue on disk and smtpd's listing, which
// are there at every look for a moment: mail that comes and goes just now is none. Both
// are walked side by side, so that memory does not grow with the queue.
func Compare(ctx context.Context, c *command.Call, conn *protocol.Conn) (*Differences, error) {
	d := &Differences{}
	sp := spool.Open(c.Opts.Spool)
	if err := d.walk(ctx, sp, conn); err != nil {
		return nil, err
	}
	return d, d.settle(ctx, sp, conn)
}

// walk goes through the ids on disk and those of the listing.
func (d *Differences) walk(ctx context.Context, sp *spool.Spool, conn *protocol.Conn) error {
	next, stop := iter.Pull2(sp.IDs())
	defer stop()
	var onDisk protocol.EnvelopeID
	more := true
	advance := func() error {
		for {
			id, err, ok := next()
			onDisk, more = id, ok
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err == nil:
				return nil
			case len(d.Errors) == maxErrors:
			default:
				d.Errors = append(d.Errors, err)
			}
		}
	}
	if err := advance(); err != nil {
		return err
	}
	var last protocol.MessageID
	for e, err := range conn.Envelopes(ctx) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		id := e.ID
		for more && onDisk < id {
			d.add(&d.Unlisted, onDisk)
			if err := advance(); err != nil {
				return err
			}
		}
		switch {
		case !more || onDisk != id:
			d.add(&d.Lost, id)
			continue
		case id.Msg() != last && Missing(sp.MessagePath(id.Msg())):
			d.add(&d.NoMessage, id)
		}
		last = id.Msg()
		if err := advance(); err != nil {
			return err
		}
	}
	for more {
		d.add(&d.Unlisted, onDisk)
		if err := advance(); err != nil {
			return err
		}
	}
	return nil
}

// settle looks again until nothing has changed from one look to the next.
func (d *Differences) settle(ctx context.Context, sp *spool.Spool, conn *protocol.Conn) error {
	end := time.Now().Add(UnlistedWait)
	for before := -1; d.count() > 0 && d.count() != before; {
		if before >= 0 && time.Now().After(end) {
			d.Moving = true
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(UnlistedEvery):
		}
		before = d.count()
		if err := d.look(ctx, sp, conn); err != nil {
			return err
		}
	}
	return nil
}

// look drops what is no difference any more.
func (d *Differences) look(ctx context.Context, sp *spool.Spool, conn *protocol.Conn) error {
	all := slices.Concat(d.Unlisted, d.Lost, d.NoMessage)
	slices.Sort(all)
	all = slices.Compact(all)
	var msgs []protocol.MessageID
	for _, id := range all {
		msgs = append(msgs, id.Msg())
	}
	listed := map[protocol.EnvelopeID]bool{} // of those that are looked for
	d.listed = map[protocol.MessageID]bool{}
	for e, err := range conn.EnvelopesOf(ctx, slices.Compact(msgs)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		d.listed[e.ID.Msg()] = true
		if _, ok := slices.BinarySearch(all, e.ID); ok {
			listed[e.ID] = true
		}
	}
	d.Unlisted = slices.DeleteFunc(d.Unlisted, func(id protocol.EnvelopeID) bool {
		return listed[id] || Missing(sp.EnvelopePath(id))
	})
	d.Lost = slices.DeleteFunc(d.Lost, func(id protocol.EnvelopeID) bool {
		return !listed[id] || !Missing(sp.EnvelopePath(id))
	})
	d.NoMessage = slices.DeleteFunc(d.NoMessage, func(id protocol.EnvelopeID) bool {
		return !listed[id] || !Missing(sp.MessagePath(id.Msg())) || Missing(sp.EnvelopePath(id))
	})
	return nil
}

// Missing reports whether there is no file: not one that cannot be looked at.
func Missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
