// Package server acts on smtpd as a whole, and shows what it counts.
package server

import (
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// Commands are the commands that act on smtpd as a whole.
var Commands = []*command.Command{
	{Pattern: "log brief", Group: command.GroupDebug, Effect: command.Changes, Run: runVerbose(false),
		Summary: "turn smtpd's debug logging off"},
	{Pattern: "log verbose", Group: command.GroupDebug, Effect: command.Changes, Run: runVerbose(true),
		Summary: "turn smtpd's debug logging on"},
	{Pattern: "monitor", Group: command.GroupServer, Live: true, Run: runMonitor, Flags: []command.Flag{
		{Name: "interval", Short: "i", Text: "print a line every `TIME`, such as 5 or 1m; the default is 1 second", Want: wantInterval,
			In: func(o *command.Options) any { return (*intervalFlag)(&o.Interval) }},
		{Name: "count", Short: "c", Text: "stop after `N` lines", Want: "a number", In: func(o *command.Options) any { return &o.Count }}},
		Summary: "show how smtpd's counters change, every second or every --interval",
		Help: "The first line shows totals, each later line what has been added since the line before; current clients\n" +
			"and envelopes are always totals. --count N stops after N lines. On a terminal each counter has a row, with its total and what it gained until\n" +
			"the time above, and a plot of the last five minutes is below; it goes on when smtpd is started again."},
	{Pattern: "pause mda", Group: command.GroupServer, Effect: command.Changes, Run: runPause(protocol.MDA),
		Summary: "stop deliveries to local users",
		Help:    pauseHelp},
	{Pattern: "pause mta", Group: command.GroupServer, Effect: command.Changes, Run: runPause(protocol.MTA),
		Summary: "stop relaying to other hosts",
		Help:    pauseHelp},
	{Pattern: "pause mta from <address> for <domain>", Group: command.GroupRelay, Effect: command.Changes, Run: runPauseFrom,
		Summary: "stop relaying from a source address to a domain",
		Help:    pauseFromHelp},
	{Pattern: "pause smtp", Group: command.GroupServer, Effect: command.Changes, Run: runPause(protocol.SMTP),
		Summary: "stop accepting incoming sessions",
		Help:    pauseHelp},
	{Pattern: "profile <profile>", Group: command.GroupDebug, Effect: command.Changes, Run: runProfile(true),
		Summary: "log the cost of a part of smtpd"},
	{Pattern: "resume mda", Group: command.GroupServer, Effect: command.Changes, Run: runResume(protocol.MDA),
		Summary: "resume deliveries to local users",
		Help:    command.ResumeHelp},
	{Pattern: "resume mta", Group: command.GroupServer, Effect: command.Changes, Run: runResume(protocol.MTA),
		Summary: "resume relaying to other hosts",
		Help:    command.ResumeHelp},
	{Pattern: "resume mta from <address> for <domain>", Offers: command.OffersPaused, Group: command.GroupRelay, Effect: command.Changes, Run: runResumeFrom,
		Summary: "resume relaying from a source address to a domain",
		Help:    command.ResumeHelp},
	{Pattern: "resume route <route>", Group: command.GroupRelay, Effect: command.Changes, Run: runResumeRoute,
		Summary: "enable a route that smtpd has disabled"},
	{Pattern: "resume route all", Group: command.GroupRelay, Origin: command.Own, Effect: command.Changes, Run: runResumeRoute,
		Summary: "enable all routes that smtpd has disabled"},
	{Pattern: "resume smtp", Group: command.GroupServer, Effect: command.Changes, Run: runResume(protocol.SMTP),
		Summary: "resume accepting incoming sessions",
		Help:    command.ResumeHelp},
	{Pattern: "show stats", Formats: []string{command.FormatMetrics}, Group: command.GroupServer, Run: runShowStats,
		Summary: "show smtpd's statistics"},
	{Pattern: "show status", Group: command.GroupServer, Run: runShowStatus,
		Summary: "show what is running and what is paused"},
	{Pattern: "trace <trace>", Group: command.GroupDebug, Effect: command.Changes, Run: runTrace(true),
		Summary: "log in detail what a part of smtpd does"},
	{Pattern: "unprofile <profile>", Group: command.GroupDebug, Effect: command.Changes, Run: runProfile(false),
		Summary: "stop a profile"},
	{Pattern: "untrace <trace>", Group: command.GroupDebug, Effect: command.Changes, Run: runTrace(false),
		Summary: "stop a trace"},
	{Pattern: "update table <table>", Group: command.GroupServer, Effect: command.Changes, Run: runUpdateTable,
		Summary: "make smtpd reload a table"},
	{Pattern: "watch <word...>", Inner: watched, Takes: watchable, Group: command.GroupSession, Origin: command.Own, Live: true, Needs: command.NeedsNames, Run: runWatch,
		Summary: "run a command repeatedly, on a screen of its own",
		Help: "watch [-n SECONDS] COMMAND; the default is every 2 seconds. A + marks lines that have come, a - those that have gone,\n" +
			"a * those that have changed. The arrows, Page Up and Page Down scroll, the space bar runs it now, q or Ctrl-C ends."},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "route", Doc: "number of a route, as show routes lists it", Parse: command.ParseRoute},
	{Name: "address", Doc: "source address, IPv4 or IPv6", Parse: command.ParseAddr},
	{Name: "domain", Doc: "domain that mail goes to", Parse: command.ParseText("a domain", 255)},
	{Name: "table", Doc: "name of a table in smtpd.conf", Parse: command.ParseText("the name of a table", 2047)},
	{Name: "trace", Doc: "subsystem of smtpd", Parse: parseBits(protocol.TraceBits), Words: bitWords(protocol.TraceBits)},
	{Name: "profile", Doc: "subsystem of smtpd", Parse: parseBits(protocol.ProfileBits), Words: bitWords(protocol.ProfileBits)},
}

// pauseHelp is the help of pause, with what a restart of smtpd does to it.
const pauseHelp = "smtpd keeps the pause in memory only: a restart forgets it, and then mail goes on as before."

// pauseFromHelp is the help of pause mta from, with what a restart of smtpd does to it.
const pauseFromHelp = "Only connections from exactly this source address stop; relays have one only if their action has src in\n" +
	"smtpd.conf. A warning is given if no relay uses the address now. A restart of smtpd forgets the pause."
