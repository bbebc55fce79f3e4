package restore

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that put copies of mail back.
var Commands = []*command.Command{
	{Pattern: "restore <folder>", Offers: command.OffersNothing, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.PutsFiles, Check: queue.CheckWhole, Run: runRestore,
		Summary: "put the mail that remove --save has copied to a folder back into the queue",
		Help:    restoreHelp},
	{Pattern: "restore <folder> <selector...>", Offers: command.OffersNothing, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.PutsFiles, Check: queue.CheckWhole, Run: runRestore,
		Summary: "put only the selected copies back",
		Help:    restoreHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "folder", Doc: "folder that --save has written, or a copy of smtpd's spool folder", Path: true, Parse: command.ParseText("the name of a folder", 4095)},
}

// restoreHelp is the help of restore, the dangers first.
const restoreHelp = "smtpd delivers restored mail at once, and returns mail that is older than its ttl to the sender: pause mta\n" +
	"and pause mda first to look at it. What was in flight when it was removed may have been delivered then, and\n" +
	"would be delivered twice: restore says how many envelopes that concerns. Copies stay in the folder; its journal\n" +
	"keeps a copy from being restored twice. Mail whose message id is in the queue again gets a new id."
