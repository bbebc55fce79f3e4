package restore

import (
	"context"
	"errors"
	"fmt"
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
	if r.placer, err = copies.OpenPlacer(r.c.Opts.Spool); err != nil {
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
	if err := r.takeUp(ctx, r.late); err != nil {
		return err
	}
	p := r.c.Progress("restored", len(r.plan))
	defer p.End()
	for plan := r.plan; len(plan) > 0; {
		n := batchEnd(plan)
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
func batchEnd(ids []protocol.EnvelopeID) int {
	msgs := 0
	for i, id := range ids {
		if i == 0 || id.Msg() != ids[i-1].Msg() {
			if msgs++; msgs > batch {
				return i
			}
		}
	}
	return len(ids)
}

// putBatch puts some messages into the queue, and makes smtpd load them. If it fails
// midway, messages that are not in the queue yet are deleted again.
func (r *restoration) putBatch(ctx context.Context, ids []protocol.EnvelopeID) (err error) {
	var drafts []*copies.Draft
	var placed []landed
	committed := 0
	defer func() {
		for _, d := range drafts[committed:] {
			r.placer.Drop(d)
		}
	}()
	for i := 0; i < len(ids); {
		msg, first := ids[i].Msg(), i
		for i < len(ids) && ids[i].Msg() == msg {
			i++
		}
		d, err := r.write(ctx, msg, ids[first:i])
		if d != nil {
			drafts = append(drafts, d)
		}
		if err != nil {
			return command.FileError(err)
		}
		for _, id := range ids[first:i] {
			placed = append(placed, landed{id, protocol.EnvelopeID(uint64(d.ID)<<32 | uint64(id)&(1<<32-1))})
		}
	}
	if err := r.record(copies.Placing, placed); err != nil {
		return err
	}
	var as []protocol.EnvelopeID
	for _, p := range placed {
		as = append(as, p.as)
	}
	r.c.AuditEnvelopes(as)
	for _, d := range drafts {
		if err := r.placer.Commit(d); err != nil {
			return errors.Join(command.FileError(err), r.recordPlaced(placed, drafts[:committed]))
		}
		committed++
		r.placed++
	}
	if err := r.record(copies.Queued, placed); err != nil {
		return err
	}
	return r.takeUp(ctx, placed)
}

// recordPlaced records, for a batch that failed midway, which envelopes are in the
// queue.
func (r *restoration) recordPlaced(batch []landed, committed []*copies.Draft) error {
	in := map[protocol.MessageID]bool{}
	for _, d := range committed {
		in[d.ID] = true
	}
	var queued, dropped []landed
	for _, l := range batch {
		if in[l.as.Msg()] {
			queued = append(queued, l)
		} else {
			dropped = append(dropped, l)
		}
	}
	return errors.Join(r.record(copies.Queued, queued), r.record(copies.Dropped, dropped))
}

// write writes the files of a message and some of its envelopes for the queue. Even
// with an error, the draft may have to be dropped.
func (r *restoration) write(ctx context.Context, msg protocol.MessageID, ids []protocol.EnvelopeID) (*copies.Draft, error) {
	for _, id := range ids {
		if last := r.last[id]; last.Event == copies.Placing {
			if _, err := r.placer.DropRest(last.As.Msg()); err != nil {
				return nil, err
			}
		}
	}
	d, err := r.placer.Begin(msg)
	if err != nil {
		return nil, err
	}
	in, err := r.from.OpenMessage(msg)
	if err != nil {
		return d, err
	}
	err = r.placer.Add(ctx, d, "message", in)
	in.Close()
	if err != nil {
		return d, err
	}
	for _, id := range ids {
		in, err := r.from.OpenEnvelope(id)
		if err != nil {
			return d, err
		}
		as := protocol.EnvelopeID(uint64(d.ID)<<32 | uint64(id)&(1<<32-1))
		err = r.placer.Add(ctx, d, as.String(), in)
		in.Close()
		if err != nil {
			return d, err
		}
	}
	return d, nil
}

// record writes events to the journal, on the disk.
func (r *restoration) record(event copies.Event, envelopes []landed) error {
	records := make([]copies.Record, len(envelopes))
	for i, l := range envelopes {
		records[i] = copies.Record{Event: event, ID: l.id.String(), As: l.as.String()}
	}
	if len(records) > 0 {
		records[0].Who, records[0].Command = r.c.Who(), r.c.Typed()
	}
	if err := r.log.Add(records...); err != nil {
		return command.FileError(err)
	}
	return command.FileError(r.log.Sync())
}

// takeUp makes smtpd load envelopes that are in the queue on disk, and records that
// they are restored. A smtpd that is not running loads them when it starts.
func (r *restoration) takeUp(ctx context.Context, envelopes []landed) error {
	for i, l := range envelopes {
		if r.conn == nil {
			break
		}
		if i == 0 || l.as.Msg() != envelopes[i-1].as.Msg() {
			if _, err := r.conn.DiscoverMessage(ctx, l.as.Msg()); err != nil {
				return fmt.Errorf("message %v is in the queue on disk, but smtpd has not loaded it: %w; give the same command again", l.as.Msg(), err)
			}
		}
	}
	copies.Reached("discovered")
	if len(envelopes) == 0 {
		return nil
	}
	if err := r.record(copies.Restored, envelopes); err != nil {
		return err
	}
	r.done += len(envelopes)
	for _, l := range envelopes {
		if l.id != l.as {
			r.renamed = append(r.renamed, l)
		}
	}
	r.landed = append(r.landed, envelopes...)
	return nil
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
	for id := range missing {
		if disk.Missing(r.to.EnvelopePath(id)) {
			delete(missing, id) // it has been delivered
		}
	}
	return len(missing), nil
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
	c.Counts = []command.Count{{Name: "done", N: r.done}, {Name: "restored before", N: r.before}, {Name: "queued", N: r.queued}, {Name: "refused", N: r.refused}, {Name: "unsure", N: r.unsure}}
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
	Inflight int      `json:"inflight,omitempty"`
	Renamed  int      `json:"renamed,omitempty"`
	Notes    []string `json:"notes,omitempty"`
}

// print prints the counts.
func (r *restoration) print() error {
	err := r.c.Print(command.Record{
		JSON: TallyJSON{"restore", r.done, r.before, r.queued, r.refused, r.unsure, r.inflight, len(r.renamed), r.notes},
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
