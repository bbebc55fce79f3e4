// Package across carries out one command on several machines: as one list, with one question and
// one result, once or again and again.
package across

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A command for several machines runs as one call for each machine. The calls run at the same
// time. Their rows are printed as one list; other text is printed machine by machine, in the
// order in which the user named the machines. An action asks one question, once each machine
// has said what the action would do there.

// itemsAhead is how many items of a machine wait to be printed.
const itemsAhead = 256

// checkAcross refuses a call for several machines whose output has no end, or whose arguments
// or output mean something only on one machine.
func checkAcross(c *command.Call) error {
	if c.Hosts() == nil {
		return nil
	}
	refuse := func(why string) error {
		return command.Usagef("%s: %s: name one host", command.PathOf(c), why)
	}
	switch {
	case (cmdline.Endless(c) || c.Cmd.Screen) && !InRounds(c):
		return refuse("goes on until it ends, and works for one machine at a time")
	case c.Cmd.Single != "":
		return refuse(c.Cmd.Single)
	case InRounds(c) && queue.UsesStdin(c.Args):
		return refuse("the ids on standard input are those of one machine")
	case queue.Shortened(c.Args):
		return command.Usagef("%s: an id that is shortened could be another on each machine: name one host, or write the machine before the id, as in %s:abcd", command.PathOf(c), c.Hosts()[0])
	}
	return nil
}

// A share is the part of a command for several machines that is for one machine.
type share struct {
	host  string // the name of the machine
	c     *command.Call
	right *command.Right
	items chan item
	came  chan<- struct{} // gets a message after each item, and at the end of items
	errs  command.Held
	err   error
	later []func(ctx context.Context) // what is done once all has been printed

	head *item             // an item taken from items but not printed yet
	bare *command.Gathered // prints the list if it has no rows
	late bool              // the others are not to wait for it
}

// A Runner carries out the commands of a session on several machines.
type Runner struct {
	Fleet *fleet.Fleet
	Log   func(c *command.Call) command.Log // logs that the call for a machine begins
	Done  func(c *command.Call)             // is told of the call for each machine at the end
	// Listed is told how the whole call has ended.
	Listed func(parent context.Context, c *command.Call, err error)
	// Counted is told that a command was carried out, unless it was wrong usage.
	Counted func()
}

// Run carries out a call for several machines and prints the result. If parent ends, the error is
// the cause of its end.
func (r *Runner) Run(parent context.Context, c *command.Call, hosts []string) error {
	if len(hosts) == 0 {
		return noHosts(c)
	}
	ctx, cancel := context.WithCancel(fleet.Quiet(parent))
	defer cancel()
	c.Out.Begin()
	rights := command.RightsOf(c.Opts.Parallel, hosts)
	said := command.SayWaiting(c, rights)
	defer said()
	asking := newBarrier(len(hosts))
	counting := newCensus(c, len(hosts))
	shares := make([]*share, len(hosts))
	came := make(chan struct{}, 1)
	var joined joiner
	var wg sync.WaitGroup
	for i, host := range hosts {
		sh := &share{host: host, right: rights[i], items: make(chan item, itemsAhead), came: came}
		sh.c = r.shareCall(ctx, c.For(host), sh, asking, joined.join)
		if c.Opts.Expect >= 0 {
			sh.c.Expected = func(ctx context.Context, n int) error { return counting.count(ctx, sh, n) }
		}
		shares[i] = sh
	}
	wg.Go(func() {
		for _, sh := range r.startOrder(c, shares) {
			sh.right.Take(context.Background())
			wg.Go(func() {
				defer sh.end()
				defer asking.ended()
				defer sh.right.Leave()
				sh.err = r.runShare(ctx, sh)
				counting.ended(sh.host, sh.err)
			})
		}
	})
	p := shown{shares: shares, came: came, asked: asking.all, ask: func() { asking.put(parent, c, shares) }}
	enough, err := p.print(c, func() { cancel() })
	if err != nil {
		cancel()
	}
	for _, sh := range shares { // a share that waits to hand over an item could not end otherwise
		for range sh.items {
		}
	}
	wg.Wait()
	said()
	if joined.part != nil && err == nil && ctx.Err() == nil {
		if err = joined.part.Print(c); err == nil {
			err = c.EndRows()
		}
	}
	if eerr := c.Out.End(); err == nil {
		err = eerr
	}
	if err == nil {
		afterwards(parent, c, shares)
	}
	if err == nil && c.Cmd.Empty != "" && c.Out.Empty() && (c.Out.Tty || c.Mode.Interactive()) && reached(shares) {
		c.Warnf("smtpctl: %s", c.Cmd.Empty)
	}
	if cause := context.Cause(parent); cause != nil {
		err = cause
	}
	noteShares(c, shares, enough)
	r.Listed(parent, c, err)
	return r.sumShares(c, shares, asking, counting, enough, err)
}

// afterwards does what the calls for the machines have left until all has been printed.
func afterwards(ctx context.Context, c *command.Call, shares []*share) {
	var hosts []string
	var all []*share
	for _, sh := range shares {
		if sh.err == nil && sh.later != nil {
			hosts, all = append(hosts, sh.host), append(all, sh)
		}
	}
	if len(all) == 0 {
		return
	}
	rights := command.RightsOf(c.Opts.Parallel, hosts)
	defer command.SayWaiting(c, rights)()
	var wg sync.WaitGroup
	for i, sh := range all {
		wg.Go(func() {
			rights[i].Hold(func() {
				for _, work := range sh.later {
					work(fleet.Quiet(ctx))
				}
			})
		})
	}
	wg.Wait()
}

// noteShares says of which machines it is not known what a listing has shown of them.
func noteShares(c *command.Call, shares []*share, enough bool) {
	for _, sh := range shares {
		if sh.err != nil && !(enough && errors.Is(sh.err, context.Canceled)) {
			c.Listing.Of(sh.host).Spoil("failed")
		}
	}
}

// startOrder returns the shares in the order in which they start. Those of a command that changes
// something start in the order in which the user named the machines. Those of any other start with
// the machine that is farthest, so that the command does not end with a wait for that one alone.
func (r *Runner) startOrder(c *command.Call, shares []*share) []*share {
	if c.Cmd.Changes() {
		return shares
	}
	trips := map[string]time.Duration{}
	for _, sh := range shares {
		trips[sh.host] = r.Fleet.Trip(sh.host, c.Opts.Socket)
	}
	order := slices.Clone(shares)
	slices.SortStableFunc(order, func(a, b *share) int { return cmp.Compare(trips[b.host], trips[a.host]) })
	return order
}

// shareCall returns the call for one machine. Its rows and its text become items of sh, its
// questions go to asking, and a result that is one for all machines goes to join. While the
// call runs, it holds the right of sh.
func (r *Runner) shareCall(ctx context.Context, c *command.Call, sh *share, asking *barrier, join func(command.Part)) *command.Call {
	one := *c
	one.Opts = r.Fleet.ForHost(c.Opts, sh.host)
	one.Opts.Output = c.Format()
	if one.Opts.Columns == "" && c.HasColumns() && !c.Cmd.Lists {
		one.Opts.Columns = strings.Join(c.Cmd.ListColumns(), ",") // the shares print the same columns
	}
	out := command.NewOutput(toShare(func(p []byte) (int, error) { return len(p), sh.give(ctx, item{text: bytes.Clone(p)}) }), false, render.NewStyle(false))
	one.Out, one.Err, one.Listing = out, &sh.errs, c.Listing.Of(sh.host)
	one.Gather = func(row *command.Gathered) error {
		if err := out.Flush(); err != nil {
			return err
		}
		row.Of = sh.host
		return sh.give(ctx, item{row: row})
	}
	one.Join = join
	one.Watched, one.Later = c.Seen(), func(work func(context.Context)) { sh.later = append(sh.later, work) }
	one.Secret, one.Keys = nil, nil
	if c.ForHost != nil {
		c.ForHost(&one)
	}
	if c.Confirm != nil {
		one.Confirm = func(ctx context.Context, _ string) bool { return asking.ask(ctx, sh) }
	}
	return &one
}

// noHosts is the result of a call whose ids, of which there are none, name no machine.
func noHosts(c *command.Call) error {
	if c.Opts.Expect > 0 {
		return fmt.Errorf("%s: no envelope selected, %d expected: nothing done", command.PathOf(c), c.Opts.Expect)
	}
	if note := queue.NothingListed(c); note != "" {
		c.Warnf("smtpctl: %s", note)
		return nil
	}
	c.Warnf("smtpctl: %s: there are no ids: nothing done on any machine", command.PathOf(c))
	return nil
}

// reached reports whether every share has succeeded.
func reached(shares []*share) bool {
	return !slices.ContainsFunc(shares, func(sh *share) bool { return sh.err != nil })
}

// A joiner joins the parts of a result that is one for all machines, in any goroutine.
type joiner struct {
	mu   sync.Mutex
	part command.Part // nil until the first part has come
}

// join adds the part of one machine.
func (j *joiner) join(p command.Part) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.part == nil {
		j.part = p
	} else {
		j.part.Join(p)
	}
}

// A toShare is an io.Writer that is a function.
type toShare func(p []byte) (int, error)

func (f toShare) Write(p []byte) (int, error) { return f(p) }

// runShare carries out the share of one machine, and logs it there if it changes something.
func (r *Runner) runShare(ctx context.Context, sh *share) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.Fleet.Failure(sh.c.Opts.Host); err != nil && !sh.c.Cmd.TellsDown {
		return err
	}
	if err := r.Fleet.ReachFirst(ctx, sh.c); err != nil {
		return err
	}
	sh.c.Log = r.Log(sh.c)
	err := sh.c.Cmd.Run(ctx, sh.c)
	if err == nil {
		err = sh.c.EndRows()
	}
	err = r.Fleet.Explain(sh.c, err)
	sh.c.AuditEnd(err)
	if oerr := sh.c.Out.End(); err == nil {
		err = oerr
	}
	return err
}

// sumShares prints the warnings and errors of all shares, each line with the name of its
// machine, and returns the error of the whole command. err is the error of printing, if any.
func (r *Runner) sumShares(c *command.Call, shares []*share, asking *barrier, counting *census, enough bool, err error) error {
	var failed, away []string
	var last error
	for _, sh := range shares {
		r.Done(sh.c)
		for line := range strings.Lines(sh.errs.String()) {
			c.Warnf("%s", render.Safe(sh.host+": "+strings.TrimSpace(line)))
		}
		var usage *command.UsageError
		switch {
		case sh.err == nil, enough && errors.Is(sh.err, context.Canceled):
			continue
		case errors.As(sh.err, &usage): // wrong usage is the same on all machines
			return sh.err
		case asking.refused && errors.Is(sh.err, command.ErrNotConfirmed), err != nil && errors.Is(sh.err, context.Canceled),
			counting.err != nil && errors.Is(sh.err, counting.err):
		default:
			c.WarnError(sh.host, sh.err)
		}
		failed, last = append(failed, sh.host), sh.err
		if command.Status(sh.err) == command.StatusUnreachable {
			away = append(away, sh.host)
		}
	}
	r.Counted()
	switch {
	case err != nil:
		return err
	case len(failed) == 0:
		return nil
	case asking.refused:
		return command.ErrNotConfirmed
	case counting.err != nil:
		return counting.err
	case len(away) == len(shares):
		return &command.ReportedError{Err: last}
	}
	// The exit status is 1 even if some machines could not be reached.
	return &failedOnError{c, failed, away}
}

// A failedOnError means that a command has failed on some of several machines.
type failedOnError struct {
	c     *command.Call
	hosts []string
	away  []string // those of hosts that cannot be reached, or whose smtpd does not answer
}

func (e *failedOnError) Error() string {
	return command.FailedOn(e.c, e.hosts)
}

// Advice returns the line that tries again where nothing has answered, unless that is long.
func (e *failedOnError) Advice() string {
	line := cmdline.Quoted(append([]string{"on", strings.Join(e.away, ",")}, cmdline.Words(e.c)...))
	if len(e.away) == 0 || len(line) > command.ArgBytes*4 {
		return ""
	}
	return "; to try again there: " + render.Safe(line)
}
