package bounce

import (
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that send notices to senders.
var Commands = []*command.Command{
	{Pattern: "bounce <selector...>", Reach: command.NeedsSocket, Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.TakesFiles, Check: queue.CheckWhole, Run: runBounce,
		Flags:   reason,
		Summary: "return the selected mail to its senders with the last error, and remove it from the queue",
		Help:    bounceHelp},
	{Pattern: "notify <selector...>", Reach: command.NeedsSocket, Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Check: queue.CheckWhole, Run: runNotify,
		Flags:   reason,
		Summary: "tell the senders of the selected mail that it is delayed; the mail stays in the queue",
		Help:    notifyHelp},
}

// reason is the flag of both commands.
var reason = []command.Flag{{Name: "reason", Text: "put `TEXT` into each notice, before the errors"}}

// bounceHelp is the help of bounce, the dangers first.
const bounceHelp = "Do not bounce spam, remove it: its senders are forged, and the notices would reach people who have sent nothing.\n" +
	"A sender gets one notice for each message (RFC 3464), from the null sender so that the notice itself cannot bounce.\n" +
	"The notice has the last error of each recipient and the headers of the message, or the whole message if the sender\n" +
	"has asked for it. --dry-run shows the notices. At most ten a second are submitted to smtpd. Mail from the null\n" +
	"sender, and mail whose sender wants no notice (NOTIFY=NEVER), stays in the queue: remove it. Each envelope is\n" +
	"suspended, and removed once smtpd has accepted the notice. If bounce is interrupted, the next bounce or requeue\n" +
	"continues there."

// notifyHelp is the help of notify.
const notifyHelp = "Each run of the command sends the notices again. A sender gets one notice for each message (RFC 3464, \"delayed\"),\n" +
	"from the null sender, with the last error of each recipient and the time until which smtpd tries. --dry-run shows\n" +
	"the notices. At most ten a second are submitted to smtpd. Mail from the null sender, and mail whose sender wants no\n" +
	"such notice, is skipped."
