package restore

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that put copies of mail back.
var Commands = []*command.Command{
	{Pattern: "restore <folder>", Reach: command.LooksAtFiles, Offers: command.OffersNothing, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.PutsFiles, Check: queue.CheckWhole, Run: runRestore,
		Summary: "put mail that remove --save has copied to a folder back into the queue",
		Help:    restoreHelp},
	{Pattern: "restore <folder> <selector...>", Reach: command.LooksAtFiles, Offers: command.OffersNothing, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.PutsFiles, Check: queue.CheckWhole, Run: runRestore,
		Summary: "put only the selected copies back into the queue",
		Help:    restoreHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "folder", Doc: "folder that --save has written, or a copy of smtpd's spool folder", Path: true, Folder: true, Parse: command.ParseText("the name of a folder", 4095)},
}

// restoreHelp is the help of restore, the dangers first.
const restoreHelp = "smtpd delivers restored mail at once, and returns mail older than its ttl to the sender: pause mta and pause mda\n" +
	"first if you want to inspect it. An envelope that was in flight when it was removed may have been delivered already,\n" +
	"and would be delivered twice: restore says how many there are. The copies stay in the folder, and its journal keeps\n" +
	"a copy from being restored twice. If its message id is in use again, the mail gets a new id.\n" +
	"Over ssh the mail goes into the queue of that machine: restore DIR takes the copies in DIR/HOST, as remove --save has\n" +
	"made them for one or several machines, and without such a folder, for a single machine, those in DIR."
