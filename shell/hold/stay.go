package hold

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// restShare is how many times as long as a pass takes stay rests after it, so that it
// never keeps smtpd busy.
const restShare = 5

// stay repeats the pass until no hold is left or the user ends it, and then says what is
// held. Where smtpd cannot be asked it says so once, and goes on.
func stay(ctx context.Context, c *command.Call, q *request) error {
	p := newPass(c)
	p.ask = false // that was answered when the hold began
	c.Opts.Expect = -1
	var only *Record
	if len(q.terms) > 0 {
		only = &Record{Socket: c.Opts.Smtpd(), Terms: q.terms}
	}
	c.Warnf("making a pass every %v until Ctrl-C; suspended envelopes stay suspended after it", q.every)
	said := ""
	for {
		start := time.Now()
		err := p.all(ctx, only)
		switch {
		case ctx.Err() != nil:
		case command.LostMachine(err):
			return fmt.Errorf("%w; no more passes are made, and suspended envelopes stay suspended", err)
		case c.Out.Flush() != nil:
			return c.Out.Err
		case err != nil && err.Error() != said:
			said = err.Error()
			c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %s: %s; continuing", time.Now().Format(time.TimeOnly), said)))
		case err == nil && said != "":
			said = ""
			c.Warnf("smtpctl: %s: the passes succeed again", time.Now().Format(time.TimeOnly))
		}
		if ctx.Err() == nil && err == nil && len(p.left) == 0 {
			c.Warnf("no holds are left")
			return nil
		}
		if !rest(ctx, max(q.every-time.Since(start), restShare*time.Since(start))) {
			p.sayLeft()
			return context.Cause(ctx)
		}
	}
}

// rest waits, and reports whether it could do so to the end.
func rest(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(max(0, d)):
		return ctx.Err() == nil
	}
}

// sayLeft says what is held when nobody looks after it any more.
func (p *pass) sayLeft() {
	for _, r := range slices.SortedFunc(maps.Values(p.left), func(a, b *Record) int { return strings.Compare(a.Selector(), b.Selector()) }) {
		until := ""
		if r.Until != 0 {
			until = fmt.Sprintf(", also after %s", at(r.Until))
		}
		p.c.Warnf("%s", render.Safe(fmt.Sprintf("%s suspended%s, until release %s or hold --again; mail that arrives now is not held", render.Plural(len(r.ids), "envelope stays", "envelopes stay"), until, r.Selector())))
	}
}
