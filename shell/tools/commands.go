// Package tools holds the commands that need no smtpd: encrypt and spf walk.
package tools

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// Commands are the commands that need no smtpd.
var Commands = []*command.Command{
	{Pattern: "encrypt", Reach: command.Anywhere, Words: command.Secret, Group: command.GroupTools, Live: true, Input: command.AsksInput, Needs: command.NeedsNothing, Check: checkEncrypt, Run: runEncrypt, Flags: encryptFlags,
		Summary: "hash the passwords on standard input, one a line, for use as credentials",
		Help: "On a terminal the password is asked for twice. By default the hash scheme is the one that OpenSMTPD's\n" +
			"smtpctl uses on this system; --scheme and --cost choose another. --verify HASH checks passwords against a hash."},
	{Pattern: "encrypt <password>", Reach: command.Anywhere, Words: command.Secret, Group: command.GroupTools, Needs: command.NeedsNothing, Check: checkEncrypt, Run: runEncrypt, Flags: encryptFlags,
		Summary: "hash a password for use as credentials",
		Help: "Danger: other users can see the password in the output of ps(1) and top(1). Everything after encrypt is\n" +
			"the password, even if it looks like an option, except --scheme, --cost and --verify with their values; -- ends these."},
	{Pattern: "spf walk", Reach: command.Anywhere, Rows: []any{NetworkJSON{}}, Group: command.GroupTools, Input: command.ReadsInput, Needs: command.NeedsNothing, Check: checkSPFWalk, Prepare: prepareSPFWalk, Run: runSPFWalk, Flags: spfWalkFlags,
		Summary: "list the networks that may send for the domains on standard input, one a line",
		Help:    spfHelp},
	{Pattern: "spf walk <name...>", Reach: command.Anywhere, Rows: []any{NetworkJSON{}}, Group: command.GroupTools, Origin: command.Own, Needs: command.NeedsNothing, Check: checkSPFWalk, Prepare: prepareSPFWalk, Run: runSPFWalk, Flags: spfWalkFlags,
		Summary: "list the networks that may send for these domains",
		Help:    spfHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "password", Doc: "the password, taken literally; others can see it in ps(1)", Parse: command.ParseNonEmpty("a password")},
	{Name: "name", Doc: "domain to look up", Parse: command.ParseText("a domain", 255)},
}

// spfHelp explains spf walk.
const spfHelp = "Records that cannot be expanded are reported on standard error, and then the exit status is 1: the list is\n" +
	"incomplete. -4 and -6 list only networks of that family; --sort sorts all networks, --aggregate also merges them;\n" +
	"--resolver ADDR chooses the name server."

// encryptFlags are the flags of encrypt.
var encryptFlags = []command.Flag{
	{Name: "scheme", Text: "hash with `SCHEME`, which is bcrypt, sha512 or yescrypt", Words: []string{"bcrypt", "sha512", "yescrypt"}, In: func(o *command.Options) any { return &o.Scheme }},
	{Name: "cost", Text: "cost parameter `N` of the hash: 10 to 20 for bcrypt, 3 to 11 for yescrypt, the number of rounds for sha512", Want: "a number", In: func(o *command.Options) any { return &o.Cost }},
	{Name: "verify", Secret: true, Text: "check whether the password matches `HASH`", In: func(o *command.Options) any { return &o.Verify }},
}

// spfWalkFlags are the flags of spf walk.
var spfWalkFlags = []command.Flag{
	{Name: "ipv4", Short: "4", Text: "only IPv4", In: func(o *command.Options) any { return &o.Only4 }},
	{Name: "ipv6", Short: "6", Text: "only IPv6", In: func(o *command.Options) any { return &o.Only6 }},
	{Name: "sort", Text: "sort all networks, and list each once", In: func(o *command.Options) any { return &o.Sort }},
	{Name: "aggregate", Text: "merge networks that contain each other or are adjacent", In: func(o *command.Options) any { return &o.Aggregate }},
	{Name: "resolver", Text: "ask the name server at `ADDR`, an address with or without a port", In: func(o *command.Options) any { return &o.Resolver }},
}
