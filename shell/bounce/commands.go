package bounce

import (
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that tell senders what becomes of their mail.
var Commands = []*command.Command{
	{Pattern: "bounce <selector...>", Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Files: command.TakesFiles, Check: queue.CheckWhole, Run: runBounce,
		Flags:   reason,
		Summary: "give the selected mail up: return it to the senders, with the last error, and remove it",
		Help:    bounceHelp},
	{Pattern: "notify <selector...>", Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, Check: queue.CheckWhole, Run: runNotify,
		Flags:   reason,
		Summary: "tell the senders of the selected mail that it is late; it stays in the queue",
		Help:    notifyHelp},
}

// reason is the flag of both.
var reason = []command.Flag{{Name: "reason", Text: "put `TEXT` into the notices, before the errors"}}

// bounceHelp is the help of bounce, the dangers first.
const bounceHelp = "Do not bounce spam: its senders are forged, and the notices go to people who have sent nothing; remove it.\n" +
	"A sender gets one notice for each message (RFC 3464): from the null sender, so that no bounce comes of it, with the\n" +
	"last error of each recipient, and the header of the message, or all of it where the sender has asked for that.\n" +
	"Ten notices a second are given to smtpd at most. --dry-run shows them. Mail that has the null sender itself, or\n" +
	"whose sender wants no notice (NOTIFY=NEVER), is kept: remove it. The envelopes are suspended, and removed when\n" +
	"smtpd has taken the notice; if bounce is stopped in the middle, the next bounce or requeue goes on there."

// notifyHelp is the help of notify.
const notifyHelp = "A sender gets one notice for each message (RFC 3464, \"delayed\"), each time that the command is given: from the null\n" +
	"sender, with the last error of each recipient, and until when smtpd tries. Ten notices a second are given to smtpd\n" +
	"at most. --dry-run shows them. Mail that has the null sender, or whose sender wants no such notice, is passed over."
