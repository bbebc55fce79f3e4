package requeue

import (
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that have mail go through the rules of smtpd.conf anew.
var Commands = []*command.Command{
	{Pattern: "requeue <selector...>", Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.TakesFiles, Check: queue.CheckWhole, Run: runRequeue,
		Flags: []command.Flag{
			{Name: "dispatcher", Text: "give mail whose action is not in smtpd.conf any more the action `NAME`, in its file: no rule is asked, and id and age stay"},
			{Name: "without-dsn", Text: "drop what the sender has asked for of notifications (DSN), which smtpd before 7.6 does not take"}},
		Summary: "give the selected mail to smtpd anew, so that the rules of smtpd.conf decide again",
		Help:    requeueHelp},
}

// requeueHelp is the help of requeue, the dangers first.
const requeueHelp = "The new mail is mail from this machine: rules with \"from local\" match it, its lifetime begins anew, and it is\n" +
	"tried at once: pause mta first to look at it. Aliases and .forward of local mail are expanded again, so that whoever\n" +
	"has got the message already gets it again. The message stays as it is, but for one more Received line and headers\n" +
	"that smtpd itself rewrites in mail of this machine. An envelope is suspended, given to smtpd, and removed when smtpd\n" +
	"has taken the new one; if requeue is stopped in the middle, the next requeue or bounce goes on there. Recipients\n" +
	"that the rules reject stay as they were, and so do envelopes that are suspended or in flight. Mail that smtpd refuses\n" +
	"to load (see show spool) is requeued too, if its envelope can be read."
