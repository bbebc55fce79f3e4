// Package tools holds the commands that need no smtpd: encrypt and spf walk.
package tools

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// Commands are the commands that need no smtpd.
var Commands = []*command.Command{
	{Pattern: "encrypt", Words: command.Secret, Group: command.GroupTools, Live: true, Input: command.AsksInput, Needs: command.NeedsNothing, Check: checkEncrypt, Run: runEncrypt,
		Summary: "hash the passwords on standard input, one a line, for use as credentials",
		Help: "On a terminal the password is asked for twice. By default the hash scheme is the one that OpenSMTPD's\n" +
			"smtpctl uses on this system; --scheme and --cost choose another. --verify HASH checks passwords against a hash."},
	{Pattern: "encrypt <password>", Words: command.Secret, Group: command.GroupTools, Needs: command.NeedsNothing, Check: checkEncrypt, Run: runEncrypt,
		Summary: "hash a password for use as credentials",
		Help: "Danger: other users can see the password in the output of ps(1) and top(1). Everything after encrypt is\n" +
			"the password, even if it looks like an option, except --scheme, --cost and --verify with their values; -- ends these."},
	{Pattern: "spf walk", Group: command.GroupTools, Input: command.ReadsInput, Needs: command.NeedsNothing, Check: checkSPFWalk, Prepare: prepareSPFWalk, Run: runSPFWalk,
		Summary: "list the networks that may send for the domains on standard input, one a line",
		Help:    spfHelp},
	{Pattern: "spf walk <name...>", Group: command.GroupTools, Origin: command.Own, Needs: command.NeedsNothing, Check: checkSPFWalk, Prepare: prepareSPFWalk, Run: runSPFWalk,
		Summary: "list the networks that may send for these domains",
		Help:    spfHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "password", Doc: "the password, taken literally; others can see it in ps(1)", Parse: command.ParseNonEmpty("a password")},
	{Name: "name", Doc: "domain to look up", Parse: command.ParseText("a domain", 255)},
}

// spfHelp explains spf walk.
const spfHelp = "-4 and -6 list only networks of that family; --sort sorts all networks, --aggregate also merges them;\n" +
	"--resolver ADDR chooses the name server. Records that cannot be expanded are reported on standard error, and\n" +
	"then the exit status is 1."
