package hold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// errGone means that another process has ended the hold meanwhile.
var errGone = errors.New("the hold was released meanwhile")

// runHold begins a hold, or makes a pass over all holds.
func runHold(ctx context.Context, c *command.Call) error {
	q := requestIn(c)
	var err error
	if len(q.terms) > 0 {
		err = begin(ctx, c, &q)
	} else {
		err = again(ctx, c)
	}
	if err != nil || !q.stay {
		return err
	}
	return stay(ctx, c, &q)
}

// again makes one pass over all holds of this smtpd.
func again(ctx context.Context, c *command.Call) error {
	p := newPass(c)
	err := p.all(ctx, nil)
	if err == nil && c.Mode.Interactive() && p.acted == 0 {
		c.Warnf("%s, nothing to suspend", render.Plural(p.holds, "hold"))
	}
	return err
}

// begin writes the record of a hold, and then suspends the matching envelopes. If there
// is a hold with the same terms, it gets the new time and keeps the ids that it has
// suspended.
func begin(ctx context.Context, c *command.Call, q *request) error {
	var st *store
	if !c.Opts.DryRun {
		var err error
		if st, err = openStore(c.StateDir, true); err != nil {
			return fmt.Errorf("%w; nothing done", errorf(c, err))
		}
		defer st.close()
	}
	now := time.Now()
	r := &Record{Socket: c.Opts.Smtpd(), Terms: q.terms, Made: render.Time(now.Unix()), Who: c.Who()}
	if q.length > 0 {
		r.Until = render.Time(now.Add(q.length).Unix())
	}
	k := &keeping{st: st, c: c}
	defer k.unlock()
	var before *Record
	m := &queue.Mark{Command: "hold", Verb: "held", Hold: r.Selector(), Before: func(ids []protocol.EnvelopeID) error {
		if err := k.lock(ctx); err != nil {
			return err
		}
		all, _ := st.all()
		old, err := st.read(r.key())
		switch {
		case errors.Is(err, fs.ErrNotExist) && len(all) >= maxHolds:
			return fmt.Errorf("there are %d holds already; nothing done: release some", len(all))
		case err == nil:
			before, r.ids, r.Smtpd = old, old.ids, old.Smtpd
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		return k.plan(ctx, r, ids)
	}}
	acted, err := queue.Suspend(ctx, c, m)
	if k.planned {
		err = k.done(acted, err)
		c.Undo = undoHold(r, before, now)
		sayBegun(c, r, q.stay)
	}
	return err
}

// undoHold says how to revert a hold command: by a release, or by the former time.
func undoHold(r, before *Record, now time.Time) command.Undo {
	if before == nil {
		return command.Undo{Words: append([]string{"release"}, r.Terms...)}
	}
	return holdWords(before, now)
}

// holdWords returns the words of a command that restores a hold.
func holdWords(r *Record, now time.Time) command.Undo {
	u := command.Undo{Words: append([]string{"hold"}, r.Terms...)}
	if r.Until != 0 {
		left := int64(r.Until) - now.Unix()
		if left <= 0 {
			return command.Undo{Refusal: "the time of the hold was over"}
		}
		u.Words = append(u.Words, fmt.Sprintf("for=%ds", left))
	}
	return u
}

// sayBegun tells the user what a hold does not do by itself.
func sayBegun(c *command.Call, r *Record, stays bool) {
	until := "until it is released"
	if r.Until != 0 {
		until = "until " + at(r.Until)
	}
	c.Warnf("%s", render.Safe(fmt.Sprintf("held %s: %s", until, r.Selector())))
	if !stays {
		c.Warnf("new mail is not held by itself: each hold --again suspends mail that arrived since and is still queued, and ends")
		c.Warnf("the hold when its time is over; run hold --again every minute from cron, or use --stay")
	}
}

// at formats a time for people.
func at(t render.Time) string { return time.Unix(int64(t), 0).Format("2006-01-02 15:04:05") }

// A keeping records which envelopes are about to be suspended and which have been. It
// holds the lock of the records in between, so that no release intervenes.
type keeping struct {
	st      *store
	c       *command.Call
	free    func()
	r       *Record
	old     []protocol.EnvelopeID // that it had suspended before
	planned bool
	asked   int
}

// lock takes the lock of the records, if it has not been taken.
func (k *keeping) lock(ctx context.Context) (err error) {
	if k.free == nil {
		k.free, err = k.st.lock(ctx, k.c.Opts.Timeout)
	}
	return err
}

// unlock releases the lock.
func (k *keeping) unlock() {
	if k.free != nil {
		k.free()
		k.free = nil
	}
}

// plan records the envelopes that are about to be suspended.
func (k *keeping) plan(ctx context.Context, r *Record, ids []protocol.EnvelopeID) error {
	start, err := startOf(ctx, k.c)
	if err != nil {
		return err
	}
	r.of(start)
	k.r, k.old, k.asked = r, slices.Clone(r.ids), len(ids)
	r.with(ids)
	if err := k.st.write(r); err != nil {
		return fmt.Errorf("the record of the hold could not be written: %w; nothing done", command.FileError(err))
	}
	k.planned = true
	return nil
}

// startOf returns when smtpd was started.
func startOf(ctx context.Context, c *command.Call) (render.Time, error) {
	conn, err := c.Conn(ctx)
	if err != nil {
		return 0, err
	}
	d, err := conn.Digest(ctx)
	return render.Time(d.Startup), err
}

// done records the envelopes that were suspended. After an error that is not certain,
// and the planned ids stay in the record.
func (k *keeping) done(acted []protocol.EnvelopeID, err error) error {
	if err != nil || len(acted) == k.asked {
		return err
	}
	k.r.ids = k.old
	k.r.with(acted)
	if err := k.st.write(k.r); err != nil {
		return fmt.Errorf("all envelopes are suspended, but the record names %d too many: %w", k.asked-len(acted), command.FileError(err))
	}
	return nil
}

// runRelease ends holds.
func runRelease(ctx context.Context, c *command.Call) error {
	st, all, err := recordsOf(c.StateDir, c.Opts.Smtpd())
	if st != nil {
		defer st.close()
	}
	var damaged *DamagedError
	if err != nil && !errors.As(err, &damaged) {
		return errorf(c, err)
	}
	want := all
	if q := requestIn(c); len(q.terms) > 0 {
		wanted := &Record{Socket: c.Opts.Smtpd(), Terms: q.terms}
		want = slices.DeleteFunc(slices.Clone(all), func(r *Record) bool { return r.key() != wanted.key() })
		if len(want) == 0 {
			if err != nil {
				return errorf(c, err)
			}
			return fmt.Errorf("%s: no such hold%s", command.PathOf(c), knownHolds(all))
		}
		err = nil
	} else if len(all) == 0 && err == nil {
		c.Warnf("there are no holds")
		return c.Print(command.Record{JSON: queue.TallyJSON{Command: "release", DryRun: c.Opts.DryRun}, Text: "0 envelopes released\n"})
	}
	if err != nil {
		return errorf(c, err)
	}
	p := newPass(c)
	p.st = st
	if len(c.Args) > 0 {
		p.records = all // what the other holds keep
	}
	undo := command.Undo{Refusal: "it ended several holds"}
	for _, r := range want {
		rerr := p.release(ctx, r, len(want) == 1)
		switch {
		case errors.Is(rerr, errGone) && len(want) == 1:
			return errorf(c, rerr)
		case rerr != nil && !errors.Is(rerr, errGone):
			return rerr
		}
		if len(want) == 1 {
			undo = holdWords(r, time.Now())
		}
	}
	if len(want) > 0 && !c.Opts.DryRun {
		c.Undo = undo
	}
	return nil
}

// knownHolds lists the holds for an error.
func knownHolds(all []*Record) string {
	var names []string
	for _, r := range all[:min(len(all), 5)] {
		names = append(names, render.Safe(r.Selector()))
	}
	if len(names) == 0 {
		return "; there is none"
	}
	return fmt.Sprintf("; there are %d: %s", len(all), strings.Join(names, "; "))
}

// termArgs returns the terms of a record as arguments of a command.
func termArgs(kind *grammar.Kind, r *Record) []grammar.Arg {
	args := make([]grammar.Arg, len(r.Terms))
	for i, term := range r.selector {
		args[i] = grammar.Arg{Kind: kind, Text: r.Terms[i], Value: term}
	}
	return args
}
