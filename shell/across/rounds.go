package across

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// What is kept of the machines for the next round, of all together and of one.
const (
	keptRows    = 50_000
	keptMost    = 5000
	keptBytes   = 32 << 20
	keptOneByte = 2 << 20
)

// Rounds are a call for several machines that is carried out again and again. They implement
// command.Several.
type rounds struct {
	by    *Runner
	call  atomic.Pointer[command.Call] // of the latest round
	hosts []string
	turns *command.Rounds[*kept]
	seen  command.Seen
}

// A kept is what one machine has answered.
type kept struct {
	items  []item
	cut    bool // there was more
	parts  []command.Part
	sums   bool // the answer had parts; they can be joined only once
	said   string
	queued int // envelopes in its queue, -1 if that is not known
}

// OnHost implements Env.OnHost.
func (r *Runner) OnHost(ctx context.Context, c *command.Call, host string, f func(ctx context.Context, c *command.Call) error) error {
	one := *c.For(host)
	one.Opts = r.Fleet.ForHost(c.Opts, host)
	return command.Named(host, r.Fleet.Explain(&one, f(fleet.Quiet(ctx), &one)))
}

// Repeat implements Env.Repeat.
func (r *Runner) Repeat(ctx context.Context, c *command.Call, every time.Duration) (command.Several, error) {
	if err := Check(r.Fleet, c); err != nil || c.Hosts() == nil {
		return nil, err
	}
	if queue.UsesStdin(c.Args) {
		return nil, command.Usagef("%s: the ids on standard input are there once, and this goes on", command.PathOf(c))
	}
	all := &rounds{by: r, hosts: c.Meant()}
	all.turns = command.NewRounds(ctx, all.hosts, every, c.Opts.Parallel, all.ask)
	return all, nil
}

// InRounds reports whether a call asks the machines by itself, again and again, where it is for
// several.
func InRounds(c *command.Call) bool { return c.Cmd.Rounds && (cmdline.Endless(c) || c.Cmd.Screen) }

// Late implements command.Several.
func (r *rounds) Late() <-chan struct{} { return r.turns.Late() }

// Seen implements command.Several.
func (r *rounds) Seen() command.Seen { return r.seen }

// End implements command.Several.
func (r *rounds) End() { r.turns.End() }

// ask carries out the call on one machine and keeps its rows, as far as there is room.
func (r *rounds) ask(ctx context.Context, host string) (*kept, error) {
	ctx, cancel := context.WithCancel(fleet.Quiet(ctx))
	defer cancel()
	k := &kept{queued: -1}
	c := *r.call.Load()
	c.Confirm, c.Several = nil, nil
	sh := &share{host: host, right: command.NewRights(1).Of(host), items: make(chan item, itemsAhead)}
	sh.c = r.by.shareCall(ctx, c.For(host), sh, nil, func(p command.Part) { k.parts, k.sums = append(k.parts, p), true })
	go func() {
		defer close(sh.items)
		sh.right.Hold(func() {
			if sh.err = r.by.runShare(ctx, sh); sh.err == nil {
				k.queued = r.by.queuedOn(ctx, sh.c)
			}
		})
	}()
	size := 0
	for it := range sh.items {
		size += len(it.text)
		if it.row != nil {
			size += it.row.Size()
		}
		if k.cut = k.cut || len(k.items) >= min(keptMost, keptRows/len(r.hosts)) || size > min(keptOneByte, keptBytes/len(r.hosts)); k.cut {
			cancel()
			continue
		}
		k.items = append(k.items, it)
	}
	k.said = sh.errs.String()
	if k.cut {
		return k, nil
	}
	return k, command.Named(host, sh.err)
}

// queuedOn returns how many envelopes are in the queue of the machine of a call, or -1.
func (r *Runner) queuedOn(ctx context.Context, c *command.Call) int {
	conn := r.Fleet.Link(c.Opts.Host)
	if conn == nil || !conn.Alive() {
		return -1
	}
	d, err := conn.Digest(ctx)
	if err != nil {
		return -1
	}
	return int(d.Queued())
}

// Run implements command.Several.
func (r *rounds) Run(ctx context.Context, c *command.Call) error {
	call := *c
	r.call.Store(&call)
	c.Out.Begin()
	turns := r.turns.Next(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	r.seen = command.Seen{Hosts: r.hosts, Missing: map[string]bool{}}
	var errs []error
	var joined joiner
	shares := make([]*share, len(turns))
	for i := range turns {
		t := &turns[i]
		if usage := (*command.UsageError)(nil); errors.As(t.Err, &usage) {
			return t.Err // it is the same on all machines
		}
		k, err := lines(t)
		if err != nil {
			errs = append(errs, err)
		}
		if k == nil {
			k = &kept{queued: -1}
			r.seen.Missing[t.Host] = true
		}
		for line := range strings.Lines(k.said) {
			c.Warnf("%s", render.Safe(t.Host+": "+strings.TrimSpace(line)))
		}
		for _, p := range k.parts {
			joined.join(p)
		}
		k.parts = nil
		r.seen.Cut = r.seen.Cut || k.cut
		r.seen.Queued += max(0, k.queued)
		shares[i] = k.share(t.Host)
	}
	_, err := (&shown{shares: shares}).print(c, func() {})
	if joined.part != nil && err == nil {
		err = joined.part.Print(c)
	}
	if eerr := c.Out.End(); err == nil {
		err = eerr
	}
	switch {
	case err != nil:
		return err
	case len(errs) > 0:
		return &command.SeveralError{Errs: errs}
	case c.Cmd.Empty != "" && c.Out.Empty():
		c.Warnf("smtpctl: %s", c.Cmd.Empty)
	}
	return nil
}

// share returns what hands over the items once more.
func (k *kept) share(host string) *share {
	sh := &share{host: host, items: make(chan item, len(k.items))}
	for _, it := range k.items {
		sh.items <- it
	}
	close(sh.items)
	return sh
}

// lines returns what a round shows of a machine, or nil if it shows nothing, and what is wrong
// with the machine, which need not be the machine's fault if it has only just been asked.
func lines(t *command.Turn[*kept]) (*kept, error) {
	silent := t.Host + ": no answer yet"
	if long := time.Since(t.Asked).Round(time.Second); t.Late() && long > 0 {
		silent = fmt.Sprintf("%s: no answer for %s", t.Host, render.Age(int64(long/time.Second)))
	}
	at := t.Answered.Format(time.TimeOnly)
	switch {
	case t.Err != nil && time.Since(t.Failed) >= time.Second:
		return nil, fmt.Errorf("%w, since %s", t.Err, t.Failed.Format(time.TimeOnly))
	case t.Err != nil:
		return nil, t.Err
	case t.Late() && t.Value == nil:
		return nil, errors.New(silent)
	case t.Value.sums && t.Value.parts == nil:
		return nil, fmt.Errorf("%s: what it has is not counted", silent)
	case t.Late() && !t.Fresh:
		return t.Value, fmt.Errorf("%s: its lines are those of %s", silent, at)
	}
	return t.Value, nil
}
