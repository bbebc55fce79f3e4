package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// putBack puts the planned copies into the queue, some messages at a time. The journal
// records each envelope with its new id before it gets into the queue, and again when
// smtpd has loaded it. After a crash between the two, the files on the disk decide.
func (r *restoration) putBack(ctx context.Context) error {
	if len(r.plan) == 0 && len(r.late) == 0 {
		return nil
	}
	var err error
	if r.log, err = copies.OpenJournal(r.folder); err != nil {
		return fmt.Errorf("the journal has to be written: %w; nothing done", command.FileError(err))
	}
	defer r.log.Close()
	if r.place, err = copies.OpenPlace(ctx, r.c); err != nil {
		return fmt.Errorf("%w; nothing done", command.FileError(err))
	}
	if r.conn != nil {
		late := make([]protocol.EnvelopeID, len(r.late))
		for i, l := range r.late {
			late[i] = l.as
		}
		if err := disk.AwaitLoaded(ctx, r.c, r.conn, late); err != nil {
			return err
		}
	}
	r.begun = true
	if err := r.takeUp(ctx, r.late); err != nil {
		return err
	}
	p := r.c.Progress("restored", len(r.plan))
	defer p.End()
	for plan := r.plan; len(plan) > 0; {
		n := r.batchEnd(plan)
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := r.putBatch(ctx, plan[:n]); err != nil {
			return err
		}
		p.Add(n)
		plan = plan[n:]
	}
	return nil
}

// batchEnd returns how many of the first envelopes form a batch of whole messages.
func (r *restoration) batchEnd(ids []protocol.EnvelopeID) int {
	msgs, bytes := 0, int64(0)
	for i, id := range ids {
		if i > 0 && id.Msg() == ids[i-1].Msg() {
			continue
		}
		if r.c.Elsewhere() {
			if msgs == farBatch || bytes >= farBytes {
				return i
			}
			if info, err := os.Stat(r.from.MessagePath(id.Msg())); err == nil {
				bytes += info.Size()
			}
		} else if msgs == batch {
			return i
		}
		msgs++
	}
	return len(ids)
}

// draftsOf returns the messages of envelopes.
func (r *restoration) draftsOf(ids []protocol.EnvelopeID) []*copies.Draft {
	var drafts []*copies.Draft
	for i, id := range ids {
		if i == 0 || id.Msg() != ids[i-1].Msg() {
			drafts = append(drafts, &copies.Draft{From: r.from})
		}
		d := drafts[len(drafts)-1]
		d.Old = append(d.Old, id)
		if last := r.last[id]; last.Event == copies.Placing && !slices.Contains(d.Left, last.As.Msg()) {
			d.Left = append(d.Left, last.As.Msg())
		}
	}
	return drafts
}

// of returns the envelopes of messages that are in a state.
func of(drafts []*copies.Draft, state copies.State) []landed {
	var all []landed
	for _, d := range drafts {
		for _, id := range d.Old {
			if d.State == state {
				all = append(all, landed{id, d.As(id)})
			}
		}
	}
	return all
}

// putBatch puts some messages into the queue, and makes smtpd load them. If it fails
// midway, messages that are not in the queue yet are deleted again.
func (r *restoration) putBatch(ctx context.Context, ids []protocol.EnvelopeID) error {
	drafts := r.draftsOf(ids)
	defer r.place.Drop(drafts)
	if err := r.place.Write(ctx, drafts); err != nil {
		return command.FileError(err)
	}
	placed := of(drafts, copies.Written)
	if err := r.record(copies.Placing, placed); err != nil {
		return err
	}
	as := make([]protocol.EnvelopeID, len(placed))
	for i, p := range placed {
		as[i] = p.as
	}
	r.c.AuditEnvelopes(as)
	err := r.place.Commit(ctx, drafts)
	queued, unknown := of(drafts, copies.InQueue), of(drafts, copies.Unknown)
	r.onDisk += len(queued)
	r.unknown += len(unknown)
	// What is not known stays as it was recorded before: the next restore looks.
	rerr := r.record(copies.Queued, queued)
	if err == nil && rerr == nil {
		return r.takeUp(ctx, queued)
	}
	if rerr == nil {
		rerr = r.record(copies.Dropped, of(drafts, copies.Written))
	}
	if rerr == nil && len(unknown) == 0 && ctx.Err() == nil {
		rerr = r.takeUp(ctx, queued)
	}
	return command.Both(command.FileError(err), rerr)
}

// record writes events to the journal, on the disk.
func (r *restoration) record(event copies.Event, envelopes []landed) error {
	if len(envelopes) == 0 {
		return nil
	}
	records := make([]copies.Record, len(envelopes))
	for i, l := range envelopes {
		records[i] = copies.Record{Event: event, ID: l.id.String(), As: l.as.String(), Into: r.c.Opts.Host}
	}
	records[0].Who, records[0].Command = r.c.Who(), r.c.Recorded()
	if err := r.log.Add(records...); err != nil {
		return command.FileError(err)
	}
	return command.FileError(r.log.Sync())
}

// takeUp makes smtpd load envelopes that are in the queue on disk, and records that
// they are restored. A smtpd that is not running loads them when it starts.
func (r *restoration) takeUp(ctx context.Context, envelopes []landed) error {
	if len(envelopes) == 0 {
		return nil
	}
	loaded := envelopes
	var failed error
	if r.conn != nil {
		msgs := make([]protocol.MessageID, len(envelopes))
		for i, l := range envelopes {
			msgs[i] = l.as.Msg()
		}
		msgs = slices.Compact(msgs)
		n := 0
		unconfirmed, err := r.conn.DiscoverMessages(ctx, msgs, func(protocol.MessageID, uint64) { n++ })
		if err != nil {
			said := "smtpd has not loaded it"
			if unconfirmed > 0 {
				said = "smtpd has not said whether it has loaded it"
			}
			failed = fmt.Errorf("message %v is in the queue on disk, but %s: %w", msgs[n], said, err)
			loaded = envelopes[:slices.IndexFunc(envelopes, func(l landed) bool { return l.as.Msg() == msgs[n] })]
		}
	}
	copies.Reached("discovered")
	if err := r.record(copies.Restored, loaded); err != nil {
		return command.Both(failed, err)
	}
	r.done += len(loaded)
	for _, l := range loaded {
		if l.id != l.as {
			r.renamed = append(r.renamed, l)
		}
	}
	r.landed = append(r.landed, loaded...)
	return failed
}

// The checks whether smtpd lists restored envelopes. Queue and scheduler are two
// processes, so that takes a moment.
const (
	looks     = 8
	lookEvery = disk.UnlistedEvery / 2
)

// unlisted counts the restored envelopes that are on the disk and not listed by smtpd.
func (r *restoration) unlisted(ctx context.Context) (int, error) {
	for look := 0; ; look++ {
		n, err := r.countUnlisted(ctx)
		if err != nil || n == 0 || look == looks {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}

// countUnlisted is one check of unlisted.
func (r *restoration) countUnlisted(ctx context.Context) (int, error) {
	var msgs []protocol.MessageID
	missing := map[protocol.EnvelopeID]bool{}
	for _, l := range r.landed {
		missing[l.as] = true
		if m := l.as.Msg(); len(msgs) == 0 || msgs[len(msgs)-1] != m {
			msgs = append(msgs, m)
		}
	}
	for e, err := range r.conn.EnvelopesOf(ctx, sortedMessages(msgs)) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return 0, err
		}
		delete(missing, e.ID)
	}
	var paths []string
	for id := range missing {
		paths = append(paths, r.to.EnvelopePath(id))
	}
	each, err := r.to.Look(paths)
	n := 0
	for _, err := range each {
		if !errors.Is(err, fs.ErrNotExist) { // it has not been delivered
			n++
		}
	}
	return n, err
}

// report prints what was done.
func (r *restoration) report(ctx context.Context, err error) error {
	c := r.c
	r.note()
	if r.conn == nil && r.done > 0 {
		r.notes = append(r.notes, "smtpd is not running: it takes them up when it starts")
	} else if r.done > 0 {
		n, lerr := r.unlisted(ctx)
		switch {
		case lerr != nil && err == nil:
			err = fmt.Errorf("could not check whether smtpd lists them: %w", lerr)
		case n > 0 && err == nil:
			err = fmt.Errorf("smtpd does not list %s: explain ID says why", render.Plural(n, "restored envelope"))
		}
	}
	c.Counts = []command.Count{{Name: "done", N: r.done}, {Name: "restored before", N: r.before}, {Name: "queued", N: r.queued}, {Name: "refused", N: r.refused}, {Name: "unsure", N: r.unsure},
		{Name: "not loaded", N: r.waiting()}, {Name: "unknown", N: r.unknown}}
	if err == nil && r.refused+r.unsure > 0 {
		err = fmt.Errorf("%s could not be restored", render.Plural(r.refused+r.unsure, "envelope"))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	c.AuditEnd(err)
	for i, l := range r.renamed {
		if i == renamedShown {
			r.notes = append(r.notes, fmt.Sprintf("and %d more have new ids, which the journal of the folder lists", len(r.renamed)-i))
			break
		}
		r.notes = append(r.notes, fmt.Sprintf("%v is %v now", l.id, l.as))
	}
	if perr := r.print(); perr != nil && err == nil {
		err = perr
	}
	return err
}

// A TallyJSON is the result of restore as JSON shows it.
type TallyJSON struct {
	Command  string   `json:"command"`
	Done     int      `json:"done"`
	Before   int      `json:"restored_before,omitempty"`
	Queued   int      `json:"queued,omitempty"`
	Refused  int      `json:"refused,omitempty"`
	Unsure   int      `json:"unsure,omitempty"`
	Waiting  int      `json:"not_loaded,omitempty"` // in the queue on disk, and smtpd has not said that it knows them
	Unknown  int      `json:"unknown,omitempty"`    // perhaps in the queue on disk
	Inflight int      `json:"inflight,omitempty"`
	Renamed  int      `json:"renamed,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// print prints the counts.
func (r *restoration) print() error {
	err := r.c.Print(command.Record{
		JSON: TallyJSON{"restore", r.done, r.before, r.queued, r.refused, r.unsure, r.waiting(), r.unknown, r.inflight, len(r.renamed), r.notes},
		Text: render.Plural(r.done, "envelope") + " restored\n",
	})
	for _, text := range r.notes {
		r.c.Warnf("%s", render.Safe(text))
	}
	return err
}

// sortedMessages sorts ids of messages.
func sortedMessages(ids []protocol.MessageID) []protocol.MessageID {
	slices.Sort(ids)
	return slices.Compact(ids)
}
