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
		Help: "On a terminal it is asked for twice. The hash is what OpenSMTPD's smtpctl makes on this system, or\n" +
			"what --scheme says, as costly as --cost says. --verify HASH compares passwords with a hash."},
	{Pattern: "encrypt <password>", Words: command.Secret, Group: command.GroupTools, Needs: command.NeedsNothing, Check: checkEncrypt, Run: runEncrypt,
		Summary: "hash a password for use as credentials",
		Help: "What follows encrypt is the password, even if it looks like an option, but for --scheme, --cost and\n" +
			"--verify with a value; -- ends them. Other users can see it in the output of ps(1) and top(1)."},
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
const spfHelp = "-4 and -6 leave out the other family; --sort puts all networks in order, --aggregate merges them too;\n" +
	"--resolver ADDR names the name server. What cannot be listed is said on standard error, and fails."
