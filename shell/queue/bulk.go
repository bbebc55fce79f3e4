package queue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// actSelected applies an action to a selection of more than one id.
//
// Where nobody has to approve the set, each envelope is acted on as soon as it is
// listed. Where somebody has to, at the prompt or with --expect or --dry-run, the set
// is fixed when it has been counted, and no other envelope is touched, whatever arrives
// meanwhile.
func actSelected(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, verb string, sel selection, t *tally) error {
	tg, err := targetOf(ctx, c, sel)
	if err != nil {
		return err
	}
	now := time.Now().Unix()
	asked, fixed := newPresence(&tg), false
	if c.Opts.DryRun || c.Opts.Expect >= 0 || asksFirst(c) || t.keeper != nil || t.mark != nil || tg.mail != nil || savesFar(c) {
		tg.mark = t.mark
		set, err := takePreview(ctx, c, conn, a, &tg, now)
		if err != nil {
			return err
		}
		t.suspended += set.dry.suspended
		t.running += set.dry.running
		t.busy += set.dry.busy
		t.missing += set.missing
		if t.keeper != nil && len(set.ids) > 0 {
			t.keeper.plan(ctx, c, set.ids)
		}
		switch err := approve(ctx, c, a, set, t); {
		case err != nil:
			return err
		case c.Opts.DryRun:
			t.tried, t.inflight = len(set.ids), len(set.dry.flying)
			return nil
		}
		tg = target{evps: set.ids, msgs: MessagesOf(set.ids)}
		asked, fixed = newPresence(&tg), true
		if conn, err = c.Conn(ctx); err != nil { // the answer may have taken long
			return err
		}
		if t.keeper != nil && len(set.ids) > 0 {
			if t.saver, err = t.keeper.keep(ctx, c, conn, set.ids); err != nil {
				return err
			}
		}
		if err := t.mark.before(set.ids); err != nil {
			return err
		}
	}
	t.watch(ctx, c, conn, verb, &tg, len(tg.evps))
	defer t.unwatch()
	choose := func(e *protocol.Envelope, err error) bool {
		asked.observe(e.ID)
		if !tg.fits(e, err, now) {
			t.looking.Step()
			return false
		}
		return t.accepts(a, e) && saved(ctx, c, e, t)
	}
	err = disk.Locked(ctx, c, func() error {
		plan := protocol.ActPlan{Choose: choose, Sending: c.AuditEnvelopes, Result: t.count(a)}
		switch {
		case tg.all:
			t.unconfirmed, err = conn.ActAll(ctx, a, 0, plan)
		case savesFar(c):
			err = actSaved(ctx, c, conn, a, tg.evps, plan, t)
		default:
			t.unconfirmed, err = conn.ActIn(ctx, a, tg.msgs, plan)
		}
		return err
	})
	switch {
	case err != nil:
	case fixed:
		t.gone += asked.missing()
	default:
		t.missing += asked.missing()
	}
	return err
}

// saved copies the files of an envelope into the folder of --save, and reports whether
// the envelope may be removed: the copies are on the disk, or none are wanted. An
// envelope that could not be saved is counted.
func saved(ctx context.Context, c *command.Call, e *protocol.Envelope, t *tally) bool {
	if c.Opts.Save == "" {
		return true
	}
	err := t.saver.Save(ctx, disk.OpenSpool(ctx, c), e)
	if err == nil {
		return true
	}
	if t.unsaved++; t.unsaved <= 3 {
		c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: envelope %v is kept: %v", e.ID, command.FileError(err))))
	}
	return false
}

// A presence finds out which ids of a target are in the queue.
type presence struct {
	tg   *target
	last protocol.MessageID
	seen int
}

func newPresence(tg *target) *presence { return &presence{tg: tg} }

// observe records a listed envelope. Envelopes come in the order of their ids.
func (s *presence) observe(id protocol.EnvelopeID) {
	if _, ok := slices.BinarySearch(s.tg.evps, id); ok {
		s.seen++
	}
	if msg := id.Msg(); msg != s.last {
		s.last = msg
		if _, ok := slices.BinarySearch(s.tg.whole, msg); ok {
			s.seen++
		}
	}
}

// missing returns how many ids have not been observed.
func (s *presence) missing() int { return len(s.tg.evps) + len(s.tg.whole) - s.seen }

// The largest numbers of envelopes for which the prompt does not ask.
const (
	unaskedRemovals = 1 // they cannot be taken back
	unaskedActions  = 5
)

// asksFirst reports whether a person is asked before a command acts on many envelopes.
func asksFirst(c *command.Call) bool { return c.Confirm != nil && c.Mode.Interactive() && !c.Opts.Yes }

// unasked returns the largest number of envelopes for which an action needs no
// confirmation.
func unasked(a protocol.Action) int {
	if a == protocol.RemoveEnvelope {
		return unaskedRemovals
	}
	return unaskedActions
}

// MessagesOf returns the messages of envelopes. Both ascend.
func MessagesOf(ids []protocol.EnvelopeID) []protocol.MessageID {
	n := 0
	for i, id := range ids {
		if i == 0 || ids[i-1].Msg() != id.Msg() {
			n++
		}
	}
	msgs := make([]protocol.MessageID, 0, n)
	for _, id := range ids {
		if m := id.Msg(); len(msgs) == 0 || msgs[len(msgs)-1] != m {
			msgs = append(msgs, m)
		}
	}
	return msgs
}

// A preview is the set of envelopes that an action will touch, fixed before anything is
// sent.
type preview struct {
	ids              []protocol.EnvelopeID // ascending
	missing          int                   // given ids that are not in the queue
	dry              tally                 // the selected envelopes that would be skipped or are in flight
	senders, domains Tops
}

// maxPreviewed is how many envelopes a preview can have.
const maxPreviewed = 20_000_000

// takePreview lists the envelopes that an action would touch. With --dry-run it prints
// them.
func takePreview(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, tg *target, now int64) (*preview, error) {
	g := &preview{senders: Tops{}, domains: Tops{}}
	w := newEnvelopeWriter(c, now, true)
	p := lookProgress(ctx, c, conn, tg)
	defer p.End()
	asked := newPresence(tg)
	g.ids = make([]protocol.EnvelopeID, 0, len(tg.evps)) // what grows is held twice
	for e, err := range tg.list(ctx, conn) {
		p.Step()
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		asked.observe(e.ID)
		if !tg.fits(e, err, now) {
			if err := tg.trouble(); err != nil {
				return nil, fmt.Errorf("%s: %w; nothing done", command.PathOf(c), err)
			}
			continue
		}
		if tg.mark.spares(e) {
			continue
		}
		// For schedule, an envelope that is due counts as done, so it belongs to the
		// set.
		if g.dry.done = 0; !g.dry.accepts(a, e) && g.dry.done == 0 {
			continue
		}
		g.dry.looked = nil
		if len(g.ids) >= maxPreviewed {
			return nil, fmt.Errorf("%s: more than %d envelopes are selected, too many to check before acting; nothing done: select fewer", command.PathOf(c), maxPreviewed)
		}
		g.ids = append(g.ids, e.ID)
		g.senders.Add(render.FormatAddress(e.Sender))
		g.domains.Add(strings.ToLower(e.Dest.Domain))
		if c.Opts.DryRun {
			if err := w.write(e); err != nil {
				return nil, err
			}
		}
	}
	g.missing = asked.missing()
	if err := tg.mail.finish(ctx, conn); err != nil {
		return nil, fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	return g, nil
}

// approve compares a set with the number that --expect gives, and asks at the prompt.
func approve(ctx context.Context, c *command.Call, a protocol.Action, g *preview, t *tally) error {
	p := Plan{Verb: a.String(), N: len(g.ids), Unasked: unasked(a), Senders: g.senders, Domains: g.domains}
	if t.shortened {
		p.Unasked = 0
	}
	if warning := t.keeper.warning(); warning != "" {
		p.Warnings = []string{warning}
	}
	return p.Approve(ctx, c)
}

// Tops counts how often texts occur.
type Tops map[string]int

// MaxTops is how many texts are counted separately. Further texts, and texts longer
// than maxTopText bytes, are counted as one.
const (
	MaxTops    = 100_000
	maxTopText = 1024
)

// Others stands for the texts beyond MaxTops.
const Others = "(others)"

func (t Tops) Add(text string) {
	if _, known := t[text]; !known && (len(t) >= MaxTops || len(text) > maxTopText) {
		text = Others
	}
	t[text]++
}

// First returns the n most frequent texts.
func (t Tops) First(n int) []string {
	texts := make([]string, 0, len(t))
	for text := range t {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b)) })
	return texts[:min(n, len(texts))]
}

// String lists the most frequent texts with their counts.
func (t Tops) String() string {
	var parts []string
	for _, text := range t.First(5) {
		name := text
		if name == "" {
			name = "<>"
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", name, t[text]))
	}
	if more := len(t) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}
