package shell

import (
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
)

// serverCommands are the commands that act on smtpd as a whole.
var serverCommands = []*Command{
	{Pattern: "log brief", Group: groupDebug, Effect: Changes, Run: runVerbose(false),
		Summary: "turn smtpd's debug logging off"},
	{Pattern: "log verbose", Group: groupDebug, Effect: Changes, Run: runVerbose(true),
		Summary: "turn smtpd's debug logging on"},
	{Pattern: "monitor", Group: groupServer, Live: true, Run: runMonitor,
		Summary: "show what smtpd's counters gained, once a second or as --interval says",
		Help: "The first line shows totals. The current clients and envelopes are totals in each line. On a\n" +
			"terminal a plot of the last five minutes stands below. --count N ends it after N lines."},
	{Pattern: "pause mda", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "stop deliveries to local users",
		Help:    pauseHelp},
	{Pattern: "pause mta", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "stop relaying to other hosts",
		Help:    pauseHelp},
	{Pattern: "pause mta from <address> for <domain>", Group: groupRelay, Effect: Changes, Run: runBlock,
		Summary: "stop relaying from a source address to a domain",
		Help:    pauseFromHelp},
	{Pattern: "pause smtp", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "stop accepting incoming sessions",
		Help:    pauseHelp},
	{Pattern: "profile <profile>", Group: groupDebug, Effect: Changes, Run: runProfile,
		Summary: "log the cost of a part of smtpd"},
	{Pattern: "resume mda", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "resume deliveries to local users",
		Help:    resumeHelp},
	{Pattern: "resume mta", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "resume relaying to other hosts",
		Help:    resumeHelp},
	{Pattern: "resume mta from <address> for <domain>", Group: groupRelay, Effect: Changes, Run: runBlock,
		Summary: "resume relaying from a source address to a domain",
		Help:    resumeHelp},
	{Pattern: "resume route <route>", Group: groupRelay, Effect: Changes, Run: runResumeRoute,
		Summary: "enable a route that smtpd has disabled"},
	{Pattern: "resume route all", Group: groupRelay, Origin: Own, Effect: Changes, Run: runResumeRoute,
		Summary: "enable all routes that smtpd has disabled"},
	{Pattern: "resume smtp", Group: groupServer, Effect: Changes, Run: runPause,
		Summary: "resume accepting incoming sessions",
		Help:    resumeHelp},
	{Pattern: "show stats", Group: groupServer, Run: runShowStats,
		Summary: "show smtpd's statistics"},
	{Pattern: "show status", Group: groupServer, Run: runShowStatus,
		Summary: "show what is running and what is paused"},
	{Pattern: "trace <trace>", Group: groupDebug, Effect: Changes, Run: runTrace,
		Summary: "log in detail what a part of smtpd does"},
	{Pattern: "unprofile <profile>", Group: groupDebug, Effect: Changes, Run: runProfile,
		Summary: "take back a profile"},
	{Pattern: "untrace <trace>", Group: groupDebug, Effect: Changes, Run: runTrace,
		Summary: "take back a trace"},
	{Pattern: "update table <table>", Group: groupServer, Effect: Changes, Run: runUpdateTable,
		Summary: "make smtpd read a table again"},
	{Pattern: "watch <word...>", Group: groupSession, Origin: Own, Live: true, Needs: NeedsNames, Run: runWatch,
		Summary: "run a command that shows something again and again",
		Help:    "watch [seconds] command, every 2 seconds if not said. Ctrl-C ends it."},
}

// serverKinds are the kinds of arguments of these commands.
var serverKinds = []*grammar.Kind{
	{Name: "route", Doc: "number of a route, as show routes lists it", Parse: parseRoute},
	{Name: "address", Doc: "source address, IPv4 or IPv6", Parse: parseAddr},
	{Name: "domain", Doc: "domain that mail goes to", Parse: parseText("a domain", 255)},
	{Name: "table", Doc: "name of a table in smtpd.conf", Parse: parseText("the name of a table", 2047)},
	{Name: "trace", Doc: "subsystem of smtpd", Parse: parseBits(protocol.TraceBits), Words: bitWords(protocol.TraceBits)},
	{Name: "profile", Doc: "subsystem of smtpd", Parse: parseBits(protocol.ProfileBits), Words: bitWords(protocol.ProfileBits)},
}
