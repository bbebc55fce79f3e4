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

// actSelected does something to what a selection of more than one id selects.
//
// Where nobody has to see it first, each envelope is acted on as soon as it is
// listed. Where somebody does, at the prompt or with --expect or --dry-run, the
// set is fixed when it has been counted, and nothing outside it is touched,
// whatever comes meanwhile.
func actSelected(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, sel selection, t *tally) error {
	tg, err := targetOf(ctx, c, sel)
	if err != nil {
		return err
	}
	now := time.Now().Unix()
	asked, fixed := newSpotter(&tg), false
	if c.Opts.DryRun || c.Opts.Expect >= 0 || asksFirst(c) || t.keeper != nil || t.mark != nil || tg.mail != nil {
		tg.mark = t.mark
		set, err := gather(ctx, c, conn, a, &tg, now)
		if err != nil {
			return err
		}
		t.suspended += set.look.suspended
		t.running += set.look.running
		t.busy += set.look.busy
		t.missing += set.missing
		if t.keeper != nil && len(set.ids) > 0 {
			t.keeper.plan(ctx, c, set.ids)
		}
		switch err := approve(ctx, c, a, set, t); {
		case err != nil:
			return err
		case c.Opts.DryRun:
			t.tried, t.inflight = len(set.ids), len(set.look.flying)
			return nil
		}
		tg = target{evps: set.ids, msgs: MessagesOf(set.ids)}
		asked, fixed = newSpotter(&tg), true
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
	choose := func(e *protocol.Envelope, err error) bool {
		asked.see(e.ID)
		if !tg.fits(e, err, now) {
			t.p.step()
			return false
		}
		return t.wants(a, e) && saved(ctx, c, e, t)
	}
	err = disk.Locked(ctx, c, func() error {
		plan := protocol.ActPlan{Choose: choose, Sending: c.AuditEnvelopes, Result: t.count(a)}
		if tg.all {
			t.unconfirmed, err = conn.ActAll(ctx, a, 0, plan)
		} else {
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

// saved copies the files of an envelope into the folder of --save, and reports
// whether the envelope may be removed: because the copies are on the disk, or
// because none are asked for. An envelope that could not be saved is counted.
func saved(ctx context.Context, c *command.Call, e *protocol.Envelope, t *tally) bool {
	if c.Opts.Save == "" {
		return true
	}
	err := t.saver.Save(ctx, disk.OpenSpool(ctx, c), e)
	if err == nil {
		return true
	}
	if t.unsaved++; t.unsaved <= 3 {
		t.p.end()
		c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: envelope %v is kept: %v", e.ID, command.FileError(err))))
	}
	return false
}

// A spotter finds out which of the ids of a target are in the queue.
type spotter struct {
	tg   *target
	last protocol.MessageID
	seen int
}

func newSpotter(tg *target) *spotter { return &spotter{tg: tg} }

// see takes notice of a listed envelope; they come in the order of their ids.
func (s *spotter) see(id protocol.EnvelopeID) {
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

// missing returns how many ids have not been seen.
func (s *spotter) missing() int { return len(s.tg.evps) + len(s.tg.whole) - s.seen }

// Up to how many envelopes nobody is asked for at the prompt.
const (
	unaskedRemovals = 1 // they cannot be taken back
	unaskedActions  = 5
)

// asksFirst reports whether there is a person who is to be asked before a command acts
// on many envelopes.
func asksFirst(c *command.Call) bool { return c.Confirm != nil && c.Mode.Interactive() && !c.Opts.Yes }

// unasked is up to how many envelopes an action needs no confirmation.
func unasked(a protocol.Action) int {
	if a == protocol.RemoveEnvelope {
		return unaskedRemovals
	}
	return unaskedActions
}

// MessagesOf returns the messages of envelopes, both ascending.
func MessagesOf(ids []protocol.EnvelopeID) []protocol.MessageID {
	var msgs []protocol.MessageID
	for _, id := range ids {
		if m := id.Msg(); len(msgs) == 0 || msgs[len(msgs)-1] != m {
			msgs = append(msgs, m)
		}
	}
	return msgs
}

// A gathered is a set of envelopes that has been looked at before anything is
// done to it.
type gathered struct {
	ids              []protocol.EnvelopeID // ascending
	missing          int                   // ids that were named and are not in the queue
	look             tally                 // what of the selection is left alone, or in flight
	senders, domains Tops
}

// maxGathered is how many envelopes are looked at before something is done to them.
const maxGathered = 20_000_000

// gather lists what an action would touch. With --dry-run it prints it.
func gather(ctx context.Context, c *command.Call, conn *protocol.Conn, a protocol.Action, tg *target, now int64) (*gathered, error) {
	g := &gathered{senders: Tops{}, domains: Tops{}}
	w := newEnvelopeWriter(c, now, true)
	p := newProgress(ctx, c, conn, "looked at")
	defer p.end()
	asked := newSpotter(tg)
	for e, err := range tg.list(ctx, conn) {
		p.step()
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		asked.see(e.ID)
		if !tg.fits(e, err, now) {
			if err := tg.trouble(); err != nil {
				return nil, fmt.Errorf("%s: %w; nothing done", command.PathOf(c), err)
			}
			continue
		}
		if tg.mark.spares(e) {
			continue
		}
		// What is due counts as done by schedule, so it is one of the set.
		if g.look.done = 0; !g.look.wants(a, e) && g.look.done == 0 {
			continue
		}
		g.look.looked = nil
		if len(g.ids) >= maxGathered {
			return nil, fmt.Errorf("%s: more than %d envelopes are selected, which is more than can be looked at before; nothing done", command.PathOf(c), maxGathered)
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
		return nil, fmt.Errorf("%s: %w; nothing done", command.PathOf(c), err)
	}
	return g, nil
}

// approve checks a set against what was expected of it, and at the prompt asks.
func approve(ctx context.Context, c *command.Call, a protocol.Action, g *gathered, t *tally) error {
	p := Plan{Verb: a.String(), N: len(g.ids), Unasked: unasked(a), Senders: g.senders, Domains: g.domains}
	if t.shortened {
		p.Unasked = 0
	}
	if warning := t.keeper.warning(); warning != "" {
		p.Warnings = []string{warning}
	}
	return p.Approve(ctx, c)
}

// Tops counts texts.
type Tops map[string]int

// MaxTops bounds how many texts are told apart; others, and longer ones than
// maxTopText bytes, count as one.
const (
	MaxTops    = 100_000
	maxTopText = 1024
)

// Others is what the texts beyond MaxTops are counted as.
const Others = "(others)"

func (t Tops) Add(text string) {
	if _, known := t[text]; !known && (len(t) >= MaxTops || len(text) > maxTopText) {
		text = Others
	}
	t[text]++
}

// First returns the texts that came most often, n at most.
func (t Tops) First(n int) []string {
	texts := make([]string, 0, len(t))
	for text := range t {
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(t[b], t[a]), cmp.Compare(a, b)) })
	return texts[:min(n, len(texts))]
}

// String lists the first of them with their counts.
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
