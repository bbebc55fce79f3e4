package shell

import (
	"cmp"
	"slices"

	"smtpctl/completer/grammar"
	"smtpctl/shell/bounce"
	"smtpctl/shell/browse"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/hold"
	"smtpctl/shell/inspect"
	"smtpctl/shell/journal"
	"smtpctl/shell/queue"
	"smtpctl/shell/requeue"
	"smtpctl/shell/restore"
	"smtpctl/shell/server"
	"smtpctl/shell/tools"
)

// docs returns the summary of words that begin commands but are none, or "".
func docs(beginning string) string {
	switch beginning {
	case "hold":
		return "keep mail back by what it is, also what comes later"
	case "release":
		return "end holds"
	case "log":
		return "turn smtpd's debug logging on or off"
	case "pause":
		return "stop envelopes, deliveries, relaying or incoming mail"
	case "pause envelope":
		return "suspend scheduling for envelopes"
	case "profile":
		return "measure the cost of a part of smtpd"
	case "restore":
		return "put copies of mail back into the queue"
	case "resume":
		return "take back a pause"
	case "resume envelope":
		return "resume scheduling for envelopes"
	case "resume route":
		return "enable routes that smtpd has disabled"
	case "remove":
		return "remove envelopes from the queue"
	case "schedule":
		return "deliver envelopes now"
	case "discover":
		return "take up mail that was put into the queue by hand"
	case "show":
		return "show the queue, mail, relaying, statistics or status"
	case "show journal":
		return "what was changed with this program"
	case "show log":
		return "what happened to mail"
	case "show envelope":
		return "the content of an envelope"
	case "show message":
		return "the content of a message"
	case "show spool":
		return "what is wrong with the files on disk"
	case "show mta":
		return "what pause mta from has paused"
	case "spf":
		return "look up SPF records"
	case "trace":
		return "log in detail what a part of smtpd does"
	case "unprofile":
		return "stop a profile"
	case "untrace":
		return "stop a trace"
	case "update":
		return "read a table again"
	case "source":
		return "run the commands in a file"
	case "watch":
		return "run a command repeatedly, on a screen of its own"
	case "pause mta from":
		return "stop relaying from an address to a domain"
	case "resume mta from":
		return "take back a pause mta from"
	}
	return ""
}

// commands are the commands of all packages, in no order.
var commands = slices.Concat(bounce.Commands, queue.Commands, browse.Commands, hold.Commands, inspect.Commands, journal.Commands, requeue.Commands, restore.Commands, server.Commands, tools.Commands, sessionCommands, fleet.Commands)

func init() { cmdline.CommandFlags = cmdline.FlagsOf(commands) }

// commandTable returns the command table, sorted by pattern. Everything that
// knows commands derives from it: the resolver, completion and help.
func commandTable() []*command.Command {
	return slices.SortedFunc(slices.Values(commands),
		func(a, b *command.Command) int { return cmp.Compare(a.Pattern, b.Pattern) })
}

// newTree returns the grammar of the command table.
func newTree(table []*command.Command) *grammar.Tree {
	rules := make([]grammar.Rule, len(table))
	for i, c := range table {
		rules[i] = grammar.Rule{Pattern: c.Pattern, Summary: c.Summary, Own: c.Own(), Hidden: c.Hidden(), Inner: c.Inner}
	}
	return grammar.New(rules, allKinds(), docs)
}

// Patterns returns the patterns of all commands, or only of those that
// OpenSMTPD's smtpctl has too.
func Patterns(own bool) []string {
	var out []string
	for _, c := range commandTable() {
		if own || !c.Own() {
			out = append(out, c.Pattern)
		}
	}
	return out
}

// allKinds returns the kinds of arguments that the commands use, by name.
func allKinds() []*grammar.Kind {
	return slices.SortedFunc(slices.Values(slices.Concat(queue.Kinds, hold.Kinds, inspect.Kinds, restore.Kinds, server.Kinds, tools.Kinds, sessionKinds, fleet.Kinds)),
		func(a, b *grammar.Kind) int { return cmp.Compare(a.Name, b.Name) })
}
