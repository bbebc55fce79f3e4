// Package restore puts copies of mail back into smtpd's queue.
package restore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// Limits of restore.
const (
	maxCopies    = 20_000_000 // envelopes of one
	batch        = 64         // messages that go into the queue together
	unasked      = 5          // envelopes that the prompt does not ask about
	refusedShown = 3          // that are named
	renamedShown = 5          // new ids that are named; the journal has all
)

// A restoration is a call of restore.
type restoration struct {
	c      *command.Call
	from   *spool.Spool // the copies
	folder *os.File     // that holds them and their journal
	to     *spool.Spool // smtpd's queue
	last   map[protocol.EnvelopeID]copies.Last
	placer *copies.Placer
	log    *copies.Journal
	conn   *protocol.Conn // nil where smtpd is not running

	list func(e *protocol.Envelope, listed bool) error // prints a copy that would be restored

	plan []protocol.EnvelopeID // copies to put back, ascending
	late []landed              // that an earlier restore put back without noting it

	done, before, queued, refused, unsure, inflight int
	hosts                                           map[string]int // of the planned copies: how many are from which other machine
	landed                                          []landed       // all that were restored
	renamed                                         []landed       // of them those with a new id
	notes                                           []string

	placed int // messages that are in the queue on disk

	going time.Time // when a file last went that smtpd was removing
}

// A landed is an envelope that is in the queue under the id as.
type landed struct{ id, as protocol.EnvelopeID }

// runRestore puts copies back into the queue.
func runRestore(ctx context.Context, c *command.Call) error {
	c.Opts.From = c.Text(0)
	r := &restoration{c: c, from: copies.Open(ctx, c, c.Opts.From), to: disk.OpenSpool(ctx, c), hosts: map[string]int{}}
	if err := r.open(); err != nil {
		return fmt.Errorf("%s: %w; nothing done", command.PathOf(c), command.FileError(err))
	}
	defer r.close()
	var err error
	if r.conn, err = c.Conn(ctx); err != nil && !errors.Is(err, protocol.ErrNotRunning) {
		return err
	}
	listed := r.choose(ctx)
	if ctx.Err() != nil {
		return command.Interrupted(ctx, c, context.Cause(ctx), "nothing restored")
	}
	switch found := len(r.plan) + len(r.late) + r.before + r.queued + r.refused + r.unsure; {
	case listed != nil && len(r.plan)+len(r.late) == 0:
		return listed
	case found == 0 && len(c.Args) == 1:
		return fmt.Errorf("%s: the folder contains no copies of mail", command.PathOf(c))
	}
	if err := r.approve(ctx); err != nil || c.Opts.DryRun {
		return errors.Join(err, listed)
	}
	err = disk.Locked(ctx, c, func() error { return r.putBack(ctx) })
	switch left := len(r.plan) + len(r.late) - r.done; {
	case err == nil:
	case r.done > 0:
		err = fmt.Errorf("%w: %d restored, %d left: the same command goes on with them", err, r.done, left)
	case r.placed == 0 && context.Cause(ctx) != nil:
		err = fmt.Errorf("%w, nothing restored", context.Cause(ctx))
	}
	return r.report(ctx, errors.Join(err, listed))
}

// open opens the folder with the copies, and makes sure that it is not the queue.
func (r *restoration) open() error {
	var err error
	if r.folder, err = safefile.OpenDir(r.c.Opts.From); err != nil {
		return err
	}
	ours, err := os.Stat(r.from.Queue())
	if err != nil {
		return err
	}
	if theirs, err := os.Stat(r.to.Queue()); err == nil && os.SameFile(ours, theirs) {
		return fmt.Errorf("%s: it is the queue itself, not a copy", r.c.Opts.From)
	}
	r.last, err = copies.ReadJournal(r.folder)
	return err
}

// close closes all open files.
func (r *restoration) close() {
	if r.folder != nil {
		r.folder.Close()
	}
	if r.placer != nil {
		r.placer.Close()
	}
}

// choose decides for each selected copy whether it is restored. The error says that
// some could not be read.
func (r *restoration) choose(ctx context.Context) error {
	conf := disk.SmtpdConf(ctx, r.c)
	r.list = queue.Writer(r.c)
	err := queue.EachSelected(ctx, r.c, r.c.Args[1:], func(e *protocol.Envelope) (bool, error) {
		if len(r.plan) >= maxCopies {
			return false, fmt.Errorf("%s: more than %d copies are selected; nothing done: select fewer", command.PathOf(r.c), maxCopies)
		}
		return true, r.chooseOne(ctx, e, conf)
	})
	slices.Sort(r.plan)
	return err
}

// chooseOne decides whether one copy is restored.
func (r *restoration) chooseOne(ctx context.Context, e *protocol.Envelope, conf *disk.ConfFacts) error {
	last := r.last[e.ID]
	switch last.Event {
	case copies.Restored:
		r.before++
		return nil
	case copies.Placing, copies.Queued:
		if !disk.Missing(r.to.EnvelopePath(last.As)) {
			r.late = append(r.late, landed{e.ID, last.As})
			return nil
		}
		if last.Event == copies.Queued {
			r.before++
			return nil
		}
		if !r.stillIncoming(last.As.Msg()) {
			if r.unsure++; r.unsure <= refusedShown {
				r.c.Warnf("smtpctl: %v: an earlier restore was interrupted while it put this envelope back as %v, which is no longer in the queue: look that id up with show log", e.ID, last.As)
			}
			return nil
		}
	default:
		if there, err := r.stillQueued(ctx, e.ID); err != nil || there {
			return err
		}
	}
	cause, err := disk.TroubleWithCopy(r.from, e.ID, conf)
	if err == nil && cause == "" && disk.Missing(r.from.MessagePath(e.ID.Msg())) {
		cause = "the copy of its message is missing"
	}
	switch {
	case err != nil:
		return disk.KeyError(r.c, err)
	case cause != "":
		if r.refused++; r.refused <= refusedShown {
			r.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v is not restored, smtpd would refuse it: %s", e.ID, cause)))
		}
		return nil
	}
	if last.Inflight {
		r.inflight++
	}
	if last.Host != "" {
		r.hosts[last.Host]++
	}
	r.plan = append(r.plan, e.ID)
	if r.c.Opts.DryRun {
		return r.list(e, false)
	}
	return nil
}

// stillIncoming reports whether smtpd has not emptied its folder incoming since an
// interrupted restore. Then the messages of that restore never got into the queue.
func (r *restoration) stillIncoming(msg protocol.MessageID) bool {
	return !disk.Missing(r.c.Opts.Spool + "/incoming/" + msg.String())
}

// approve compares the set with --expect, and asks at the prompt.
func (r *restoration) approve(ctx context.Context) error {
	c, n := r.c, len(r.plan)
	switch {
	case c.Opts.Expect >= 0 && n != c.Opts.Expect:
		return fmt.Errorf("%s: %s to restore, %d expected: nothing done", command.PathOf(c), render.Plural(n, "envelope"), c.Opts.Expect)
	case c.Opts.DryRun:
		r.note()
		for _, text := range r.notes {
			c.Warnf("%s", render.Safe(text))
		}
		c.Warnf("%s would be restored; nothing was", render.Plural(n, "envelope"))
		return nil
	case n <= unasked || c.Confirm == nil || !c.Mode.Interactive() || c.Opts.Yes:
		return nil
	}
	if c.Confirm(ctx, render.Safe(fmt.Sprintf("restore %s%s?", render.Plural(n, "envelope"), r.fromOthers()))) {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return command.ErrNotConfirmed
}

// fromOthers says, for a question, from which other machines the copies are.
func (r *restoration) fromOthers() string {
	if len(r.hosts) == 0 {
		return ""
	}
	return " removed from the queue of " + strings.Join(slices.Sorted(maps.Keys(r.hosts)), ", ")
}

// note adds what the count of restored envelopes leaves out.
func (r *restoration) note() {
	add := func(n int, one, many, rest string) {
		if n > 0 {
			r.notes = append(r.notes, render.Plural(n, one, many)+rest)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(r.hosts)) {
		add(r.hosts[host], "of them was", "of them were", " removed from the queue of "+host+": this machine delivers what it restores")
	}
	add(r.inflight, "of them was", "of them were", " in flight when it was removed: if the attempt under way succeeded, the mail is delivered twice")
	add(r.before, "envelope was restored before and stays as it is", "envelopes were restored before and stay as they are",
		": to restore one again, take its last line out of the journal of the folder")
	add(r.queued, "envelope is", "envelopes are", " in the queue already")
	add(r.refused, "envelope is", "envelopes are", " not restored, since smtpd would refuse them, or has files of them that it does not list")
	add(r.unsure, "envelope was", "envelopes were", " being restored when an earlier restore was stopped, and left the queue since: not restored, look into smtpd's log")
}
