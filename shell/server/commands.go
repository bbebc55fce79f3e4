// Package server has the commands that act on smtpd as a whole and show its statistics.
package server

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// Commands are the commands that act on smtpd as a whole or show its statistics.
var Commands = []*command.Command{
	{Pattern: "log brief", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runLogBrief,
		Summary: "turn smtpd's debug logging off"},
	{Pattern: "log verbose", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runLogVerbose,
		Summary: "turn smtpd's debug logging on"},
	{Pattern: "monitor", Reach: command.NeedsSocket, Rows: []any{DigestJSON{}}, Group: command.GroupServer, Rounds: true, Live: true, Run: runMonitor, Flags: []command.Flag{
		{Name: "interval", Short: "i", Text: "print a line every `TIME`, such as 5 or 1m; the default is 1 second", Want: wantInterval,
			In: func(o *command.Options) any { return (*intervalFlag)(&o.Interval) }},
		{Name: "count", Short: "c", Text: "stop after `N` lines", Want: "a number", In: func(o *command.Options) any { return &o.Count }}},
		Summary: "show how smtpd's counters change, every second or every --interval",
		Help: "The first line shows totals; each later line shows the increase since the line before, except for current\n" +
			"clients and envelopes, which are always totals. --count N stops after N lines. On a terminal each counter has a\n" +
			"row with its total and its latest increase, above a plot of the last five minutes, or of the last 300 intervals if\n" +
			"those take longer. monitor continues when smtpd is restarted. Of several machines, as in on mx1,mx2 monitor, the screen\n" +
			"shows a line each and their sums: n and p go on to one machine and back, s shows the sums, q ends monitor. The last\n" +
			"numbers of a machine that is away stay in the sums, and what it did meanwhile is only in the totals. Elsewhere there is\n" +
			"a line for each machine."},
	{Pattern: "pause mda", Reach: command.NeedsSocket, Ready: command.ReadyIfMDARuns, Group: command.GroupServer, Effect: command.Changes, Run: runPauseMDA,
		Summary: "stop deliveries to local users",
		Help:    pauseHelp},
	{Pattern: "pause mta", Reach: command.NeedsSocket, Ready: command.ReadyIfMTARuns, Group: command.GroupServer, Effect: command.Changes, Run: runPauseMTA,
		Summary: "stop relaying to other hosts",
		Help:    pauseHelp},
	{Pattern: "pause mta from <address> for <domain>", Reach: command.NeedsSocket, Group: command.GroupRelay, Effect: command.Changes, Run: runPauseFrom,
		Summary: "stop relaying from a source address to a domain",
		Help:    pauseFromHelp},
	{Pattern: "pause smtp", Reach: command.NeedsSocket, Ready: command.ReadyIfSMTPRuns, Group: command.GroupServer, Effect: command.Changes, Run: runPauseSMTP,
		Summary: "stop accepting incoming SMTP sessions",
		Help:    pauseHelp},
	{Pattern: "profile <profile>", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runProfile,
		Summary: "log the time that a part of smtpd takes"},
	{Pattern: "resume mda", Reach: command.NeedsSocket, Ready: command.ReadyIfMDAPaused, Group: command.GroupServer, Effect: command.Changes, Run: runResumeMDA,
		Summary: "resume deliveries to local users",
		Help:    command.ResumeHelp},
	{Pattern: "resume mta", Reach: command.NeedsSocket, Ready: command.ReadyIfMTAPaused, Group: command.GroupServer, Effect: command.Changes, Run: runResumeMTA,
		Summary: "resume relaying to other hosts",
		Help:    command.ResumeHelp},
	{Pattern: "resume mta from <address> for <domain>", Reach: command.NeedsSocket, Ready: command.ReadyIfRoutePaused, Offers: command.OffersPaused, Group: command.GroupRelay, Effect: command.Changes, Run: runResumeFrom,
		Summary: "resume relaying from a source address to a domain",
		Help:    command.ResumeHelp},
	{Pattern: "resume route <route>", Reach: command.NeedsSocket, Ready: command.ReadyIfDisabled, Group: command.GroupRelay, Effect: command.Changes, Run: runResumeRoute,
		Summary: "enable a route that smtpd has disabled"},
	{Pattern: "resume route all", Reach: command.NeedsSocket, Ready: command.ReadyIfDisabled, Group: command.GroupRelay, Origin: command.Own, Effect: command.Changes, Run: runResumeRoute,
		Summary: "enable all routes that smtpd has disabled"},
	{Pattern: "resume smtp", Reach: command.NeedsSocket, Ready: command.ReadyIfSMTPPaused, Group: command.GroupServer, Effect: command.Changes, Run: runResumeSMTP,
		Summary: "resume accepting incoming SMTP sessions",
		Help:    command.ResumeHelp},
	{Pattern: "show stats", Reach: command.NeedsSocket, TellsDown: true, Rows: []any{StatJSON{}}, Formats: []string{command.FormatMetrics}, Group: command.GroupServer, Run: runShowStats,
		Summary: "show smtpd's statistics"},
	{Pattern: "show status", Reach: command.NeedsSocket, Rows: []any{StatusJSON{}}, Group: command.GroupServer, Run: runShowStatus,
		Summary: "show what is running and what is paused"},
	{Pattern: "trace <trace>", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runTrace,
		Summary: "log in detail what a part of smtpd does"},
	{Pattern: "unprofile <profile>", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runUnprofile,
		Summary: "stop a profile"},
	{Pattern: "untrace <trace>", Reach: command.NeedsSocket, Group: command.GroupDebug, Effect: command.Changes, Run: runUntrace,
		Summary: "stop a trace"},
	{Pattern: "update table <table>", Reach: command.NeedsSocket, Group: command.GroupServer, Effect: command.Changes, Run: runUpdateTable,
		Summary: "make smtpd reload a table"},
	{Pattern: "watch <word...>", Reach: command.NeedsSocket, Every: "-n", Inner: watched, Takes: watchable, Rounds: true, Group: command.GroupSession, Origin: command.Own, Live: true, Needs: command.NeedsNames, Run: runWatch,
		Summary: "repeat a command full-screen, and mark what changes",
		Help: "watch [-n SECONDS] COMMAND; the default is every 2 seconds. Right after watch -n is never --dry-run: without seconds\n" +
			"it is an error. Only commands that show something are repeated. A + marks new lines, a - lines that have gone,\n" +
			"a * lines that have changed. The arrows, Page Up and Page Down scroll, the space bar repeats at once, q or Ctrl-C ends watch.\n" +
			"Of several machines, as in on mx1,mx2 watch show queue, it shows one list; one that is down or hangs delays no other."},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "route", Doc: "number of a route, as show routes lists it", Parse: command.ParseRoute},
	{Name: "address", Doc: "source address, IPv4 or IPv6", Parse: command.ParseAddr},
	{Name: "domain", Doc: "domain that mail goes to", Parse: command.ParseText("a domain", 255)},
	{Name: "table", Doc: "name of a table in smtpd.conf", Parse: command.ParseText("the name of a table", 2047)},
	{Name: "trace", Doc: "subsystem of smtpd", Parse: parseTrace, Words: traceWords},
	{Name: "profile", Doc: "subsystem of smtpd", Parse: parseProfile, Words: profileWords},
}

// pauseHelp is the help of pause, the danger first.
const pauseHelp = "A restart of smtpd ends the pause, because smtpd keeps it in memory only."

// pauseFromHelp is the help of pause mta from.
const pauseFromHelp = "This stops only connections from exactly this source address. A relay has a source address only if its action has\n" +
	"src in smtpd.conf; a warning says if no relay uses the address now. A restart of smtpd ends the pause."
