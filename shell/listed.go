package shell

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// showsEnvelopes reports whether _ stands for what a call shows, in the commands after it: a
// listing that ends, or what an action would be for.
func showsEnvelopes(c *command.Call) bool {
	if c.Cmd.Bulk() {
		return c.Opts.DryRun
	}
	return c.Cmd.Lists && (c.Cmd.Screen || !cmdline.Endless(c))
}

// noteListing has a call that lists note what it shows.
func (s *Session) noteListing(c *command.Call) {
	if showsEnvelopes(c) {
		c.Listing = &command.Listing{By: c.Typed(), Socket: c.Opts.Smtpd(), Session: s.opts.Host}
		if hosts := c.Hosts(); hosts != nil {
			c.Listing.Across(hosts, s.smtpdOf(c.Opts))
		}
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

// smtpdOf returns what names the smtpd of a machine.
func (s *Session) smtpdOf(opts command.Options) func(host string) string {
	return func(host string) string {
		one := s.fleet.ForHost(opts, host)
		return one.Smtpd()
	}
}

// followLast makes a command with _ be for the machines of the last listing, if that was of
// several and on or --host named them for it alone.
func (s *Session) followLast(opts *command.Options, given []cmdline.GivenFlag, args []grammar.Arg) (followed bool, err error) {
	hosts := s.last.Hosts()
	named := slices.ContainsFunc(given, func(g cmdline.GivenFlag) bool { return "--"+g.Name == fleet.HostOption })
	if hosts == nil || named || opts.Restricted || opts.Host != s.opts.Host || s.last.Session != s.opts.Host || !queue.UsesLast(args) {
		return false, nil
	}
	opts.Host = strings.Join(hosts, ",")
	return true, s.fleet.TakeHost(opts, command.LastListing)
}

// sayLast says which envelopes of the last listing _ does not stand for in a call.
func sayLast(c *command.Call) {
	for _, note := range queue.NotMeant(c) {
		c.Warnf("smtpctl: %s", render.Safe(note))
	}
}
