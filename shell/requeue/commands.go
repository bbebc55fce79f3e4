package requeue

import (
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that submit mail again.
var Commands = []*command.Command{
	{Pattern: "requeue <selector...>", Reach: command.NeedsSocket, Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.TakesFiles, Check: queue.CheckWhole, Run: runRequeue,
		Flags: []command.Flag{
			{Name: "dispatcher", Text: "for mail whose action is no longer in smtpd.conf: write the action `NAME` into its envelope file; no rule applies, id and age stay"},
			{Name: "without-dsn", Text: "drop the sender's requests for notifications (DSN), which smtpd before 7.6 does not accept"}},
		Summary: "submit the selected mail to smtpd again, so that the current rules of smtpd.conf apply",
		Help:    requeueHelp},
}

// requeueHelp is the help of requeue, the dangers first.
const requeueHelp = "smtpd tries the new mail at once: pause mta first if you want to inspect it. Aliases and .forward files of local\n" +
	"recipients are expanded again, so whoever has received the message already receives it twice. The new mail counts\n" +
	"as mail from this machine: rules with \"from local\" match it, and its lifetime begins anew. The message is unchanged\n" +
	"except for one more Received line and the headers that smtpd rewrites in local mail. Each envelope is suspended,\n" +
	"submitted, and removed once smtpd has accepted the new one. If requeue is interrupted, the next requeue or bounce\n" +
	"continues there. Recipients that the rules reject stay in the queue, and so do envelopes that are suspended or in\n" +
	"flight. Mail that smtpd refuses to load (see show spool) is requeued too, if its envelope can be read."
