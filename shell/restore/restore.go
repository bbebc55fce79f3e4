// Package restore puts copies of mail back into smtpd's queue.
package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// Limits of restore.
const (
	maxCopies    = 20_000_000 // envelopes of one
	batch        = 64         // messages that go into the queue together
	farBatch     = 256        // the same on another machine, where each batch takes round trips,
	farBytes     = 32 << 20   // and after how many bytes no other message is begun
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
	place  copies.Place
	log    *copies.Journal
	conn   *protocol.Conn // nil where smtpd is not running

	list func(e *protocol.Envelope, listed bool) error // prints a copy that would be restored

	plan []protocol.EnvelopeID // copies to put back, ascending
	late []landed              // that an earlier restore put back without noting it

	done, before, queued, refused, unsure, inflight int
	hosts                                           map[string]int // of the planned copies: how many are from which machine that is not that of smtpd
	landed                                          []landed       // all that were restored
	renamed                                         []landed       // of them those with a new id
	notes                                           []string

	chosen  []candidate // for which it is not decided yet
	begun   bool        // messages were written for the queue, or were to be
	onDisk  int         // envelopes that are in the queue on disk, those of late apart
	unknown int         // envelopes of which that is not known

	going time.Time // when a file last went that smtpd was removing
}

// A landed is an envelope that is in the queue under the id as.
type landed struct{ id, as protocol.EnvelopeID }

// runRestore puts copies back into the queue.
func runRestore(ctx context.Context, c *command.Call) error {
	from, err := folderOf(c)
	if err != nil {
		return fmt.Errorf("%s: %w; nothing done", command.PathOf(c), command.FileError(err))
	}
	c.Opts.From = from
	r := &restoration{c: c, from: copies.Open(ctx, c, c.Opts.From), to: disk.OpenSpool(ctx, c), hosts: map[string]int{}}
	if err := r.open(); err != nil {
		return fmt.Errorf("%s: %w; nothing done", command.PathOf(c), command.FileError(err))
	}
	defer r.close()
	if r.conn, err = c.Conn(ctx); err != nil && !errors.Is(err, protocol.ErrNotRunning) {
		return err
	}
	listed := r.choose(ctx)
	if ctx.Err() != nil {
		return command.Interrupted(ctx, c, context.Cause(ctx), "nothing restored")
	}
	if command.LostMachine(listed) {
		return fmt.Errorf("%s: %w; nothing done", command.PathOf(c), listed)
	}
	switch found := len(r.plan) + len(r.late) + r.before + r.queued + r.refused + r.unsure; {
	case listed != nil && len(r.plan)+len(r.late) == 0:
		return listed
	case found == 0 && len(c.Args) == 1:
		return fmt.Errorf("%s: the folder contains no copies of mail", command.PathOf(c))
	}
	if err := r.approve(ctx); err != nil || c.Opts.DryRun {
		return command.Both(err, listed)
	}
	err = disk.Locked(ctx, c, func() error { return r.putBack(ctx) })
	if err != nil && r.begun {
		err = fmt.Errorf("%w: %s", err, r.state())
	} else if cause := context.Cause(ctx); err != nil && cause != nil {
		err = fmt.Errorf("%w, nothing restored", cause)
	}
	return r.report(ctx, command.Both(err, listed))
}

// waiting returns how many envelopes are in the queue on disk without smtpd having said that it
// knows them.
func (r *restoration) waiting() int {
	if !r.begun {
		return 0
	}
	return len(r.late) + r.onDisk - r.done
}

// state says, after an error, where the planned envelopes are.
func (r *restoration) state() string {
	waiting := r.waiting()
	rest := len(r.plan) - r.onDisk - r.unknown
	if r.done+waiting+r.unknown == 0 {
		return "nothing restored: the same command tries again"
	}
	text := fmt.Sprintf("%d restored", r.done)
	if waiting > 0 {
		text += fmt.Sprintf(", %d in the queue on disk and not loaded by smtpd as far as it has said", waiting)
	}
	if r.unknown > 0 {
		text += fmt.Sprintf(", %d of which it is not known whether they are in the queue on disk", r.unknown)
	}
	if rest > 0 {
		text += fmt.Sprintf(", %d left", rest)
	}
	if waiting+r.unknown+rest == 0 {
		return text
	}
	return text + ": the same command goes on with them"
}

// folderOf returns the folder with the copies. Over ssh that is the folder with the name of the
// machine in the one that is named, as remove --save makes it, if there is one. For one of
// several machines it must be there: the copies of one must never go to all of them.
func folderOf(c *command.Call) (string, error) {
	dir := c.Text(0)
	if !c.Elsewhere() {
		return dir, nil
	}
	own := filepath.Join(dir, c.Opts.Host)
	info, err := os.Stat(own)
	if err == nil && info.IsDir() {
		// A host may have a name like that of a message.
		if _, merr := protocol.ParseMessageID(c.Opts.Host); merr != nil || !disk.Missing(filepath.Join(own, copies.JournalName)) {
			return own, nil
		}
	}
	if c.Gather == nil {
		return dir, nil
	}
	if err == nil {
		err = fmt.Errorf("%s: it is no folder that remove --save has written", own)
	}
	return "", err
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
	if theirs, err := os.Stat(r.to.Queue()); err == nil && !r.c.Elsewhere() && os.SameFile(ours, theirs) {
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
	if r.place != nil {
		r.place.Close()
	}
}

// approve compares the set with --expect, and asks at the prompt.
func (r *restoration) approve(ctx context.Context) error {
	c, n := r.c, len(r.plan)
	if err := c.CheckExpected(ctx, n, "to restore"); err != nil {
		return err
	}
	switch {
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
	if c.Gather != nil { // the question is one for several machines, and does not say this
		c.Warnf("%s", render.Safe(fmt.Sprintf("%s would be restored%s", render.Plural(n, "envelope"), r.fromOthers())))
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
	var names []string
	for _, host := range slices.Sorted(maps.Keys(r.hosts)) {
		names = append(names, machine(host))
	}
	return " removed from the queue of " + strings.Join(names, ", ")
}

// machine names a machine, which is this one without a name.
func machine(host string) string { return cmp.Or(host, "this machine") }

// note adds what the count of restored envelopes leaves out.
func (r *restoration) note() {
	add := func(n int, one, many, rest string) {
		if n > 0 {
			r.notes = append(r.notes, render.Plural(n, one, many)+rest)
		}
	}
	for _, host := range slices.Sorted(maps.Keys(r.hosts)) {
		add(r.hosts[host], "of them was", "of them were", " removed from the queue of "+machine(host)+": "+machine(r.c.Opts.Host)+" delivers what it restores")
	}
	add(r.inflight, "of them was", "of them were", " in flight when it was removed: if the attempt under way succeeded, the mail is delivered twice")
	add(r.before, "envelope was restored before and stays as it is", "envelopes were restored before and stay as they are",
		": to restore one again, take its last line out of the journal of the folder")
	add(r.queued, "envelope is", "envelopes are", " in the queue already")
	add(r.refused, "envelope is", "envelopes are", " not restored, since smtpd would refuse them, or has files of them that it does not list")
	add(r.unsure, "envelope was", "envelopes were", " being restored when an earlier restore was stopped, and left the queue since, or were put into that of another machine: not restored, see above")
}
