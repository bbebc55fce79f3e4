package disk

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// Differences are the differences between the queue on disk and smtpd's listing. Ids
// ascend.
type Differences struct {
	Unlisted  []protocol.EnvelopeID // files that smtpd does not list
	Lost      []protocol.EnvelopeID // listed, and without a file
	NoMessage []protocol.EnvelopeID // listed, and without the file of their message: the first of each
	More      bool                  // there were more than are kept
	Moving    bool                  // their number fell until the time was up
	Errors    []error               // folders that could not be read: the first few

	listed map[protocol.MessageID]bool // messages of Unlisted of which smtpd lists others
}

// Limits of Differences in addition to those of a comparison.
const maxErrors = 5

// Listed reports whether smtpd lists other envelopes of the message of an unlisted
// envelope.
func (d *Differences) Listed(id protocol.EnvelopeID) bool { return d.listed[id.Msg()] }

func (d *Differences) count() int { return len(d.Unlisted) + len(d.Lost) + len(d.NoMessage) }

// add appends an id if there is room.
func (d *Differences) add(list *[]protocol.EnvelopeID, id protocol.EnvelopeID) {
	if len(*list) >= unlistedMost {
		d.More = true
		return
	}
	*list = append(*list, id)
}

// Compare finds the differences between the queue on disk and smtpd's listing that
// persist for a moment, so that mail that arrives or leaves just now does not count.
// Disk and listing are walked side by side, so that memory does not grow with the
// queue.
func Compare(ctx context.Context, c *command.Call, conn *protocol.Conn) (*Differences, error) {
	d := &Differences{}
	sp := openSpool(ctx, c, nil)
	p := c.Progress("compared", 0)
	if p != nil {
		if digest, err := conn.Digest(ctx); err == nil {
			p.Of(int(digest.Queued()))
		}
	}
	defer p.End()
	if err := d.walk(ctx, sp, conn, p); err != nil {
		return nil, err
	}
	return d, d.confirm(ctx, sp, conn)
}

// walk goes through the ids on disk and those of the listing.
func (d *Differences) walk(ctx context.Context, sp *spool.Spool, conn *protocol.Conn, p *command.Progress) error {
	next, stop := iter.Pull2(sp.Folders())
	defer stop()
	var onDisk protocol.EnvelopeID
	var folder spool.Folder
	more := true
	advance := func() error {
		for {
			if len(folder.IDs) > 0 {
				onDisk, folder.IDs = folder.IDs[0], folder.IDs[1:]
				return nil
			}
			var err error
			if folder, err, more = next(); !more {
				onDisk = 0
				return nil
			}
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err == nil, folder.Message != 0 && errors.Is(err, fs.ErrNotExist), len(d.Errors) == maxErrors:
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
		p.Step()
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
		case id.Msg() != last && !folder.Whole:
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

// confirm checks again until two checks in a row have the same result.
func (d *Differences) confirm(ctx context.Context, sp *spool.Spool, conn *protocol.Conn) error {
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
		if err := d.recheck(ctx, sp, conn); err != nil {
			return err
		}
	}
	return nil
}

// recheck removes what is no longer a difference.
func (d *Differences) recheck(ctx context.Context, sp *spool.Spool, conn *protocol.Conn) error {
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
	var paths []string
	for _, id := range all {
		paths = append(paths, sp.EnvelopePath(id), sp.MessagePath(id.Msg()))
	}
	each, err := sp.Look(paths)
	if err != nil {
		return err
	}
	missing := map[protocol.EnvelopeID][2]bool{} // the file of the envelope, and that of its message
	for i, id := range all {
		// A file that cannot be accessed is not missing.
		missing[id] = [2]bool{errors.Is(each[2*i], fs.ErrNotExist), errors.Is(each[2*i+1], fs.ErrNotExist)}
	}
	d.Unlisted = slices.DeleteFunc(d.Unlisted, func(id protocol.EnvelopeID) bool { return listed[id] || missing[id][0] })
	d.Lost = slices.DeleteFunc(d.Lost, func(id protocol.EnvelopeID) bool { return !listed[id] || !missing[id][0] })
	d.NoMessage = slices.DeleteFunc(d.NoMessage, func(id protocol.EnvelopeID) bool {
		return !listed[id] || !missing[id][1] || missing[id][0]
	})
	return nil
}
