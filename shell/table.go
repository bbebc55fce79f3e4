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

// docs are the summaries of words that begin commands but are none.
var docs = map[string]string{
	"hold":            "keep mail back by what it is, also what comes later",
	"release":         "end holds",
	"log":             "turn smtpd's debug logging on or off",
	"pause":           "stop envelopes, deliveries, relaying or incoming mail",
	"pause envelope":  "suspend scheduling for envelopes",
	"profile":         "measure the cost of a part of smtpd",
	"restore":         "put copies of mail back into the queue",
	"resume":          "take back a pause",
	"resume envelope": "resume scheduling for envelopes",
	"resume route":    "enable routes that smtpd has disabled",
	"remove":          "remove envelopes from the queue",
	"schedule":        "deliver envelopes now",
	"discover":        "take up mail that was put into the queue by hand",
	"show":            "show the queue, mail, relaying, statistics or status",
	"show journal":    "what was changed with this program",
	"show log":        "what happened to mail",
	"show envelope":   "the content of an envelope",
	"show message":    "the content of a message",
	"show spool":      "what is wrong with the files on disk",
	"show mta":        "what pause mta from has paused",
	"spf":             "look up SPF records",
	"trace":           "log in detail what a part of smtpd does",
	"unprofile":       "stop a profile",
	"untrace":         "stop a trace",
	"update":          "read a table again",
	"source":          "run the commands in a file",
	"watch":           "run a command repeatedly, on a screen of its own",
	"pause mta from":  "stop relaying from an address to a domain",
	"resume mta from": "take back a pause mta from",
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
