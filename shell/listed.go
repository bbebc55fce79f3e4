package shell

import (
	"context"
	"errors"
	"syscall"

	"smtpctl/shell/command"
)

// showsEnvelopes reports whether _ stands for what a call shows, in the commands after it: a
// listing that ends, or what an action would be for.
func showsEnvelopes(c *command.Call) bool {
	if c.Cmd.Bulk() {
		return c.Opts.DryRun
	}
	return c.Cmd.Lists && (c.Cmd.Screen || !goesOn(c))
}

// noteListing has a call that lists note what it shows.
func (s *Session) noteListing(c *command.Call) {
	if showsEnvelopes(c) {
		c.Listing = &command.Listing{By: c.Typed(), Socket: c.Opts.Smtpd()}
	}
}

// listingDone keeps the envelopes that a listing has shown. For a listing that was
// interrupted, it is not known what the user has seen.
func (s *Session) listingDone(ctx context.Context, c *command.Call, err error) {
	if c.Listing == nil || (c.Cmd.Screen || c.Cmd.Bulk()) && !c.Listing.Taken() {
		return
	}
	switch cause := context.Cause(ctx); {
	case command.HadEnough(err) || errors.Is(c.Out.Err, syscall.EPIPE):
		c.Listing.Spoil("was left before its end")
	case cause != nil:
		c.Listing.Spoil("was interrupted")
	case err != nil:
		c.Listing.Spoil("failed")
	}
	c.Listing.Done()
	s.last = c.Listing
}
