package shell

import (
	"context"
	"errors"
	"sync"

	"smtpctl/shell/command"
	"smtpctl/shell/remote"
)

// errEnded is for machines that were not tried before a command was interrupted.
var errEnded = errors.New("not tried")

// dialAll connects to machines at the same time, without questions, and returns the error of
// each. Where the command has waited for some seconds it says for which.
func (s *Session) dialAll(ctx context.Context, c *command.Call, o command.Options, hosts []string) []error {
	slots := newSlots(o.Parallel, hosts)
	if c != nil {
		defer sayWaiting(c, slots)()
	}
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() {
			opts := s.forHost(o, host)
			slots[i].hold(func() {
				if errs[i] = errEnded; ctx.Err() == nil {
					_, errs[i] = s.dial(context.WithValue(ctx, quietKey{}, true), opts)
				}
			})
		})
	}
	wg.Wait()
	return errs
}

// dialAsking is dialAll, and then, one after the other, ssh may ask at the terminal for the
// machines that it could not reach because it must ask. A single machine is tried once.
func (s *Session) dialAsking(ctx context.Context, c *command.Call, o command.Options, hosts []string) []error {
	errs := make([]error, len(hosts))
	if len(hosts) > 1 {
		errs = s.dialAll(ctx, c, o, hosts)
	}
	for i, host := range hosts {
		opts := s.forHost(o, host)
		if len(hosts) > 1 && (!remote.MustAsk(errs[i]) || !s.asks(ctx, opts).Terminal) || ctx.Err() != nil {
			continue
		}
		_, errs[i] = s.dial(ctx, opts)
	}
	return errs
}
