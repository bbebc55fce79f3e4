package copies

import (
	"context"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// A Place is a queue on disk that messages are put into, in the way in which smtpd itself
// stores a received message (queue_fs.c): the files are written to a folder
// incoming/MMMMMMMM, which is then renamed to queue/XX/MMMMMMMM. However the program ends, a
// message is in the queue as a whole or not at all; smtpd empties incoming when it starts.
// smtpd notices neither step: see discover.
type Place interface {
	// Write writes messages to the folder incoming, and to the disk, and sets the ID of each.
	// After an error some may be there, which Drop deletes.
	Write(ctx context.Context, drafts []*Draft) error
	// Commit moves written messages into the queue, in order, and sets the State of each. What
	// is Queued is on the disk, files and names.
	Commit(ctx context.Context, drafts []*Draft) error
	// Drop deletes those that are Written from the folder incoming. It ignores errors.
	Drop(drafts []*Draft)
	// Close ends the use of the place.
	Close()
}

// A State is how far a message has got.
type State int

const (
	Unwritten State = iota
	Written         // its files are in the folder incoming, or some of them
	Unknown         // it was to be moved into the queue, and whether it has been is not known
	InQueue         // it is in the queue on disk
)

// A Draft is a message that is being put into the queue.
type Draft struct {
	From *spool.Spool          // the copies
	Old  []protocol.EnvelopeID // of the message in the copies: the envelopes that are put into the queue
	Left []protocol.MessageID  // what an earlier restore may have left of it in the folder incoming

	// ID is what the message has in the queue: its former id, or another one if smtpd's queue has a
	// message with that id, to which the scheduler would add no more envelopes.
	ID    protocol.MessageID
	State State
}

// As returns the id in the queue of an envelope of the copies.
func (d *Draft) As(old protocol.EnvelopeID) protocol.EnvelopeID {
	return protocol.EnvelopeID(uint64(d.ID)<<32 | uint64(old)&(1<<32-1))
}

// each calls f for the file of the message and for those of its envelopes. old is 0 for the
// message.
func (d *Draft) each(f func(old protocol.EnvelopeID, open func() (spool.File, error)) error) error {
	if err := f(0, func() (spool.File, error) { return d.From.OpenMessage(d.Old[0].Msg()) }); err != nil {
		return err
	}
	for _, old := range d.Old {
		if err := f(old, func() (spool.File, error) { return d.From.OpenEnvelope(old) }); err != nil {
			return err
		}
	}
	return nil
}

// OpenPlace opens the queue of the smtpd of a call.
func OpenPlace(ctx context.Context, c *command.Call) (Place, error) {
	if files := c.FarFiles(ctx); files != nil {
		put, err := openPutter(c, files, "what is restored")
		if err != nil {
			return nil, err
		}
		return &distant{put}, nil
	}
	p, err := OpenPlacer(c.Opts.Spool)
	if err != nil {
		return nil, err
	}
	return &local{p: p, dirs: map[*Draft]*folder{}}, nil
}

// A local is the Place of this machine.
type local struct {
	p    *Placer
	dirs map[*Draft]*folder // of those that are written
}

// Write implements Place.
func (l *local) Write(ctx context.Context, drafts []*Draft) error {
	for _, d := range drafts {
		for _, id := range d.Left {
			if _, err := l.p.dropRest(id); err != nil {
				return err
			}
		}
		dir, err := l.p.begin(d.Old[0].Msg())
		if err != nil {
			return err
		}
		d.ID, d.State, l.dirs[d] = dir.id, Written, dir
		err = d.each(func(old protocol.EnvelopeID, open func() (spool.File, error)) error {
			name := "message"
			if old != 0 {
				name = d.As(old).String()
			}
			in, err := open()
			if err != nil {
				return err
			}
			defer in.Close()
			return l.p.add(ctx, dir, name, in)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Commit implements Place.
func (l *local) Commit(_ context.Context, drafts []*Draft) error {
	for _, d := range drafts {
		moved, err := l.p.commit(l.dirs[d])
		switch {
		case err == nil:
			d.State = InQueue
		case moved:
			d.State = Unknown // whether that outlasts a crash
		}
		if moved {
			delete(l.dirs, d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Drop implements Place.
func (l *local) Drop(drafts []*Draft) {
	for _, d := range drafts {
		if dir := l.dirs[d]; dir != nil && d.State == Written {
			delete(l.dirs, d)
			l.p.drop(dir)
		}
	}
}

// Close implements Place.
func (l *local) Close() { l.p.Close() }
