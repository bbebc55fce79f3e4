package hold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A pass goes through the records: it suspends mail that has arrived since the last
// pass, and ends the holds whose time is over.
type pass struct {
	c       *command.Call
	st      *store
	records []*Record
	holds   int                // that were looked at
	acted   int                // envelopes suspended or resumed
	counts  map[string]int     // for the log
	left    map[string]*Record // the holds that go on, by key
	ask     bool               // questions are asked, as for any command
}

func newPass(c *command.Call) *pass {
	return &pass{c: c, counts: map[string]int{}, left: map[string]*Record{}, ask: true}
}

// A quietLog is a log whose end is left to the command.
type quietLog struct{ command.Log }

// End implements command.Log.
func (quietLog) End(error) {}

// call returns the call for one hold, as a part of the command.
func (p *pass) call(r *Record) *command.Call {
	sub := *p.c
	sub.Path = append([]string{"hold"}, r.Terms...)
	if sub.Log != nil {
		sub.Log = quietLog{sub.Log}
	}
	sub.Opts.Yes = sub.Opts.Yes || !p.ask
	return &sub
}

// took adds up what a part of the command did.
func (p *pass) took(sub *command.Call, ids []protocol.EnvelopeID) {
	p.acted += len(ids)
	for _, n := range sub.Counts {
		p.counts[n.Name] += n.N
	}
	p.c.Counts = nil
	for _, n := range sub.Counts { // in their order
		p.c.Counts = append(p.c.Counts, command.Count{Name: n.Name, N: p.counts[n.Name]})
	}
}

// all goes through the records, or handles only one of them. A record that cannot be
// read does not stop the others.
func (p *pass) all(ctx context.Context, only *Record) error {
	st, all, damaged := recordsOf(p.c.StateDir, p.c.Opts.Smtpd())
	if st == nil {
		if damaged != nil {
			return errorf(p.c, damaged)
		}
		return nil
	}
	defer st.close()
	p.st, p.records, p.holds = st, all, 0
	clear(p.left)
	now := time.Now()
	for _, r := range all {
		if only != nil && r.key() != only.key() {
			continue
		}
		p.holds++
		var err error
		if r.over(now) {
			err = p.release(ctx, r, false)
		} else {
			p.left[r.key()] = r
			err = p.suspend(ctx, r)
		}
		if errors.Is(err, errGone) {
			delete(p.left, r.key())
			err = nil
		}
		if err != nil {
			return errors.Join(err, wrapped(p.c, damaged))
		}
	}
	return wrapped(p.c, damaged)
}

// wrapped is errorf that returns nil for nil.
func wrapped(c *command.Call, err error) error {
	if err == nil {
		return nil
	}
	return errorf(c, err)
}

// suspend suspends the envelopes that a hold selects and that are not suspended.
func (p *pass) suspend(ctx context.Context, r *Record) error {
	sub := p.call(r)
	sub.Args = termArgs(Kinds[0], r)
	k := &keeping{st: p.st, c: sub}
	defer k.unlock()
	m := &queue.Mark{Command: "hold", Verb: "held", Hold: r.Selector(), Quiet: true, Before: func(ids []protocol.EnvelopeID) error {
		if len(ids) == 0 {
			return nil
		}
		if err := k.lock(ctx); err != nil {
			return err
		}
		now, err := p.current(r)
		if err != nil {
			return err
		}
		if len(now.ids)+len(ids) > maxIDs {
			if err := forgetGone(ctx, sub, now); err != nil {
				return err
			}
		}
		return k.plan(ctx, now, ids)
	}}
	acted, err := queue.Suspend(ctx, sub, m)
	p.took(sub, acted)
	if k.planned {
		err = k.done(acted, err)
		p.left[r.key()] = k.r
	}
	return err
}

// current returns a record as it is on the disk now.
func (p *pass) current(r *Record) (*Record, error) {
	now, err := p.st.read(r.key())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	return now, err
}

// forgetGone removes envelopes from a record that have left the queue.
func forgetGone(ctx context.Context, c *command.Call, r *Record) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	r.ids, _, err = queued(ctx, conn, r.ids)
	return err
}

// queued returns which of some envelopes smtpd lists, and how many of them are
// suspended.
func queued(ctx context.Context, conn *protocol.Conn, ids []protocol.EnvelopeID) (there []protocol.EnvelopeID, suspended int, err error) {
	for e, err := range conn.EnvelopesOf(ctx, queue.MessagesOf(ids)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, 0, err
		}
		if _, ok := slices.BinarySearch(ids, e.ID); ok {
			there = append(there, e.ID)
			if e.Flags&protocol.FlagSuspend != 0 {
				suspended++
			}
		}
	}
	return there, suspended, nil
}

// A handover is the set of envelopes, suspended by one hold, that another hold selects
// too: they stay suspended and move to the record of the other hold.
type handover struct {
	to  *Record
	ids []protocol.EnvelopeID
}

// release resumes the envelopes that a hold has suspended, and deletes the hold. whole
// says that this is all the command does, so that the result is printed even if nothing
// was resumed.
func (p *pass) release(ctx context.Context, r *Record, whole bool) error {
	sub := p.call(r)
	sub.Path = append([]string{"release"}, r.Terms...)
	var others []*handover
	now := time.Now()
	for _, o := range p.records {
		if o.key() != r.key() && !o.over(now) {
			others = append(others, &handover{to: o})
		}
	}
	k := &keeping{st: p.st, c: sub}
	defer k.unlock()
	start, err := startOf(ctx, sub)
	if err != nil {
		return err
	}
	if len(r.ids) > 0 && r.Smtpd != start {
		p.c.Warnf("smtpd has restarted since, and so resumed what this hold had suspended: %s", render.Safe(r.Selector()))
	}
	r.of(start)
	var rest []protocol.EnvelopeID // suspended since the record was read
	m := &queue.Mark{Command: "release", Verb: "released", Hold: r.Selector(), Quiet: !whole,
		Spare: func(e *protocol.Envelope) bool { return spare(others, e, now.Unix()) },
		Before: func([]protocol.EnvelopeID) error {
			if err := k.lock(ctx); err != nil {
				return err
			}
			latest, err := p.current(r)
			if err != nil {
				return err
			}
			latest.of(start)
			for _, id := range latest.ids {
				if _, had := slices.BinarySearch(r.ids, id); !had {
					rest = append(rest, id)
				}
			}
			return p.handOver(others, start)
		}}
	if err := p.resume(ctx, sub, r.ids, m); err != nil {
		return err
	}
	if sub.Opts.DryRun {
		return nil
	}
	if len(rest) > 0 {
		more := *sub
		more.Opts.Yes, more.Opts.Expect = true, -1
		if err := p.resume(ctx, &more, rest, &queue.Mark{Command: "release", Verb: "released", Hold: r.Selector(), Quiet: true}); err != nil {
			return err
		}
	}
	if err := p.st.remove(r); err != nil {
		return fmt.Errorf("%s: the envelopes are resumed, but the record of the hold could not be deleted: %w", command.PathOf(sub), err)
	}
	for _, o := range others {
		if len(o.ids) > 0 {
			p.c.Warnf("%s", render.Safe(fmt.Sprintf("%s suspended: another hold selects them: %s", render.Plural(len(o.ids), "envelope stays", "envelopes stay"), o.to.Selector())))
		}
	}
	return nil
}

// resume resumes envelopes. It sends nothing if there are none.
func (p *pass) resume(ctx context.Context, sub *command.Call, ids []protocol.EnvelopeID, m *queue.Mark) error {
	sub.Args = []grammar.Arg{queue.ArgSet(Kinds[0], ids, nil)}
	acted, err := queue.Resume(ctx, sub, m)
	p.took(sub, acted)
	return err
}

// spare reports whether one of the other holds selects a suspended envelope, and notes
// that for the first such hold.
func spare(others []*handover, e *protocol.Envelope, now int64) bool {
	if e.Flags&protocol.FlagSuspend == 0 {
		return false
	}
	for _, o := range others {
		if o.to.selector.Match(e, now) {
			o.ids = append(o.ids, e.ID)
			return true
		}
	}
	return false
}

// handOver adds the envelopes to the records of the other holds.
func (p *pass) handOver(others []*handover, start render.Time) error {
	for _, o := range others {
		if len(o.ids) == 0 {
			continue
		}
		to, err := p.current(o.to)
		if errors.Is(err, errGone) {
			return errors.New("another hold was released meanwhile; nothing done: give the command again")
		}
		if err != nil {
			return err
		}
		to.of(start)
		to.with(o.ids)
		if err := p.st.write(to); err != nil {
			return fmt.Errorf("the record of a hold could not be written: %w; nothing done", command.FileError(err))
		}
	}
	return nil
}
