package fleet

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/remote"
)

// errEnded is for machines that were not tried before a command was interrupted.
var errEnded = errors.New("not tried")

// A machine that is connected to mostly waits. So, unless the user has said how many work at the
// same time, another one is connected to in its place after lendAfter: one that is far does not
// keep others from beginning. At most mostLent machines have lent their places at the same time.
const (
	lendAfter = 250 * time.Millisecond
	mostLent  = 48
)

// lending lends a right that is held after lendAfter, if lent has room, until stop is called. A
// nil lent has none.
func lending(r *command.Right, lent chan struct{}) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		after := time.NewTimer(lendAfter)
		defer after.Stop()
		select {
		case <-done:
			return
		case <-after.C:
		}
		select {
		case <-done:
		case lent <- struct{}{}:
			r.Lend()
			<-done
			<-lent
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// onEach calls do, which waits for machines, for several at the same time, as far as rights let
// it, with the options for each. do is also called after the end of ctx.
func (f *Fleet) onEach(rights []*command.Right, o command.Options, hosts []string, do func(i int, o command.Options)) {
	var lent chan struct{}
	if o.Parallel == 0 {
		lent = make(chan struct{}, mostLent)
	}
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() {
			one := f.ForHost(o, host)
			rights[i].Hold(func() {
				defer lending(rights[i], lent)()
				do(i, one)
			})
		})
	}
	wg.Wait()
}

// BeginAll starts the ssh to each of several machines before the process is confined, which can
// start none afterwards. It neither waits for the machines nor reads what they say, unless there are
// more than may work at the same time: then it waits for those that have begun, as far as they do
// not lend their places. It keeps the errors, as Fail does.
func (f *Fleet) BeginAll(ctx context.Context, c *command.Call, hosts []string) {
	if f.simulated != nil {
		return
	}
	rights := command.RightsOf(c.Opts.Parallel, hosts)
	many := len(hosts) > cmp.Or(c.Opts.Parallel, command.UsualParallel)
	if many {
		defer command.SayWaiting(c, rights)()
	}
	f.onEach(rights, c.Opts, hosts, func(_ int, o command.Options) {
		if o.Host == "" || ctx.Err() != nil {
			return
		}
		h := f.ssh.Host(o.Host)
		f.Fail(o.Host, h.Begin(o.Timeout, f.options(Quiet(ctx), o)))
		if many {
			h.Begun(ctx)
		}
	})
	f.atEnd()
}

// dialAll connects to machines at the same time, without questions, and returns the error of
// each. Where the command has waited for some seconds it says for which.
func (f *Fleet) dialAll(ctx context.Context, c *command.Call, o command.Options, hosts []string) []error {
	rights := command.RightsOf(o.Parallel, hosts)
	if c != nil {
		defer command.SayWaiting(c, rights)()
	}
	errs := make([]error, len(hosts))
	f.onEach(rights, o, hosts, func(i int, o command.Options) {
		if errs[i] = errEnded; ctx.Err() == nil {
			_, errs[i] = f.Dial(Quiet(ctx), o)
		}
	})
	return errs
}

// DialAsking connects to machines at the same time, and then, one after the other, ssh may ask at
// the terminal for the machines that could not be reached because it must ask. A single machine is
// tried once. It returns the error of each. c is the command that waits; nil at the prompt.
func (f *Fleet) DialAsking(ctx context.Context, c *command.Call, o command.Options, hosts []string) []error {
	errs := make([]error, len(hosts))
	if len(hosts) > 1 {
		errs = f.dialAll(ctx, c, o, hosts)
	}
	for i, host := range hosts {
		opts := f.ForHost(o, host)
		if len(hosts) > 1 && (!remote.MustAsk(errs[i]) || !f.options(ctx, opts).Terminal) || ctx.Err() != nil {
			continue
		}
		_, errs[i] = f.Dial(ctx, opts)
	}
	return errs
}

// DialQuietly connects to one of the machines for which o is, for completion and the prompt: it
// never starts an ssh or asks anything.
func (f *Fleet) DialQuietly(ctx context.Context, o command.Options, host string) (*protocol.Conn, error) {
	if f.Gone(host) {
		return nil, protocol.ErrNotRunning
	}
	return f.Dial(Quiet(ctx), f.ForHost(o, host))
}

// ReachSmtpd connects to the smtpd that opts name. What only looks at files does without it,
// where the machine answers and its smtpd does not, for whatever reason.
func (f *Fleet) ReachSmtpd(ctx context.Context, c *command.Call, opts command.Options) error {
	_, err := f.Dial(ctx, opts)
	if c.Cmd.Reach == command.LooksAtFiles && ctx.Err() == nil && !f.Gone(opts.Host) {
		return nil
	}
	return err
}

// ReachFirst connects to another machine before a command changes something there, so that the
// command can first be written to the syslog of that machine, and before a command takes the
// screen, on which ssh could ask nothing. For a command that reads files there, it starts ssh.
func (f *Fleet) ReachFirst(ctx context.Context, c *command.Call) error {
	if c.Elsewhere() && c.Cmd.Reach == command.LooksAtFiles {
		err := f.ssh.Host(c.Opts.Host).Connect(ctx, c.Opts.Timeout, f.options(ctx, c.Opts))
		f.atEnd()
		return err
	}
	if !c.Elsewhere() || c.Cmd.Reach != command.NeedsSocket || !c.Cmd.Changes() && !c.Cmd.Screen || c.Hosts() != nil {
		return nil
	}
	_, err := c.Conn(ctx)
	return f.Explain(c, err)
}

// Explain adds the name of the machine to the error of a command, unless the error does not come
// from there, such as wrong usage or an interrupt.
func (f *Fleet) Explain(c *command.Call, err error) error {
	var usage *command.UsageError
	var output *command.OutputError
	var sig *command.SignalError
	if err == nil || !c.Elsewhere() || c.Hosts() != nil || c.Cmd.Reach == command.Anywhere || errors.As(err, &usage) || errors.As(err, &output) || errors.As(err, &sig) || errors.Is(err, context.Canceled) {
		return err
	}
	return f.ssh.Host(c.Opts.Host).Explain(err)
}
