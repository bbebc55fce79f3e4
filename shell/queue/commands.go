package queue

import (
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// Commands are the commands that act on the queue.
var Commands = []*command.Command{
	{Pattern: "discover <selector>", WholeIDs: true, Offers: command.OffersUnlisted, Group: command.GroupQueue, Effect: command.Changes, Check: checkDiscover, Run: runDiscover,
		Summary: "make smtpd load an envelope or message that was put into the queue by hand"},
	{Pattern: "pause envelope <selector...>", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Check: CheckSelection, Run: runPauseEnvelope,
		Summary: "suspend scheduling for the selected envelopes",
		Help:    pauseEnvelopeHelp},
	{Pattern: "pause envelope all", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runPauseEnvelope,
		Summary: "suspend scheduling for all envelopes",
		Help:    pauseEnvelopeHelp},
	{Pattern: "remove <selector...>", Group: command.GroupQueue, Effect: command.RemovesEnvelopes, Check: CheckSelection, Run: runRemove,
		Summary: "remove the selected envelopes",
		Help:    removeHelp},
	{Pattern: "remove all", Group: command.GroupQueue, Effect: command.RemovesEnvelopes, Run: runRemove,
		Summary: "remove all envelopes",
		Help:    removeHelp},
	{Pattern: "resume envelope <selector...>", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Check: CheckSelection, Run: runResumeEnvelope,
		Summary: "resume scheduling for the selected envelopes",
		Help:    command.ResumeHelp},
	{Pattern: "resume envelope all", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runResumeEnvelope,
		Summary: "resume scheduling for all envelopes",
		Help:    command.ResumeHelp},
	{Pattern: "schedule <scheduled...>", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Check: checkPace, Run: runSchedule,
		Summary: "deliver the selected envelopes now, or some at a time: batch=N, rate=N/TIME",
		Help:    scheduleHelp + paceHelp},
	{Pattern: "schedule all", Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runSchedule,
		Summary: "deliver all envelopes now",
		Help:    scheduleHelp},
	{Pattern: "show queue", Group: command.GroupQueue, Formats: command.Separated, Empty: "the queue is empty", Check: checkFollow, Run: runShowQueue, Flags: []command.Flag{
		{Name: followFlag, Live: true, Text: "go on, and print a line when an envelope comes, is tried or leaves"},
		{Name: "from", Text: "list the copies of mail in `DIR`, which --save has written, instead of the queue", In: func(o *command.Options) any { return &o.From }}},
		Summary: "list the envelopes in the queue",
		Help: "With --follow it looks once a second, less often at a large queue; what comes and leaves between two looks is\n" +
			"missed. An envelope leaves when it is delivered, given up or removed, or is no longer selected. It ends with an\n" +
			"error when more than 100,000 envelopes are selected."},
	{Pattern: "show queue <query...>", Group: command.GroupQueue, Formats: command.Separated, Empty: "no envelope matches", Check: checkListed, Run: runShowQueue,
		Summary: "list the selected envelopes; sort=KEY sorts them, limit=N lists only N",
		Help:    columnsHelp()},
	{Pattern: "show queue by <grouping...>", Group: command.GroupQueue, Formats: command.Separated, Empty: "no envelope matches", Origin: command.Own, Check: checkGroups, Run: runShowGroups,
		Summary: "count the envelopes by a field such as domain, error, from, subject or state; by domain age as a table of ages",
		Help:    "Terms may follow, as for show queue, and limit=N for the N largest groups. A * in an error\nstands for a part that differs between messages; the whole text can be given to error= as it is."},
	{Pattern: "wait <condition...>", Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Run: runWait,
		Summary: "wait until an envelope matches; give up after 5 minutes, or after the TIME given with for",
		Help:    "The exit status is 1 when the time is up: wait from=a@example.com for 60s"},
	{Pattern: "wait empty", Group: command.GroupTools, Origin: command.Own, Live: true, Run: runWaitEmpty,
		Summary: "wait until the queue is empty"},
	{Pattern: "wait empty <condition...>", Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Run: runWaitEmpty,
		Summary: "wait until no envelope matches: wait empty domain=example.com for 10m"},
	{Pattern: "wait stats <statistic...>", Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Run: runWaitStats,
		Summary: "wait until statistics have these values: wait stats scheduler.envelope=-100 for 1h",
		Help:    "NAME=N, NAME=N- for N or more, NAME=-N for N or less, NAME!=N; a statistic that smtpd does not report yet counts as 0."},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "envelope", Doc: "id of an envelope, 16 hex digits, or the beginning of one", Parse: parseID},
	{Name: "grouping", Terms: true, Doc: "age, dispatcher, domain, error, from, helo, host, size, src, state, subject, tag or user, then terms such as older=1h", Parse: parseGrouping},
	{Name: "condition", Terms: true, Doc: "ids or terms such as domain=example.com; for and a time such as 60s", Parse: parseCondition},
	{Name: "statistic", Doc: "NAME=N, NAME=N- or NAME=-N; for and a time such as 60s", Parse: parseStatCondition},
	{Name: "query", Terms: true, Doc: "ids, terms such as domain=example.com, sort=KEY, limit=N or columns=NAMES", Help: SelectorHelp, Parse: parseListed},
	{Name: "id", Doc: "id of an envelope or message, or the beginning of one", Parse: parseID},
	{Name: "scheduled", Terms: true, Doc: "ids or terms as elsewhere; batch=50 or rate=50/1m, and stop=50%", Help: SelectorHelp, Parse: parsePaced},
	{Name: "selector", Terms: true, Doc: "ids of envelopes or messages, terms such as domain=example.com, or - for ids on standard input", Help: SelectorHelp, Parse: ParseSelector},
}

// pauseEnvelopeHelp is the help of pause envelope, with what a restart of smtpd does to it.
const pauseEnvelopeHelp = "The current attempt of an envelope that is in flight goes on: if it succeeds, the envelope is delivered;\n" +
	"if it fails, the envelope stays suspended. smtpd keeps the pause in memory only: a restart forgets it."

// removeHelp is the help of remove, with what a restart of smtpd does to it.
const removeHelp = "The current attempt of an envelope that is in flight goes on: if it succeeds, the envelope is delivered\n" +
	"all the same; if it fails, the envelope is removed. If smtpd is restarted before that, the envelope is back."

// columnsHelp is the help of show queue about columns.
func columnsHelp() string {
	names := selector.Names(selector.Columns())
	return "columns=age,to,error shows these columns, as a table unless -o asks for csv, tsv or expanded. The columns are\n" +
		strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + "."
}

// paceHelp is the help of schedule with a pace.
const paceHelp = "\nWith batch=N it schedules N, waits until each has left the queue, was put off or came back untried, then the next\n" +
	"N; with rate=N/TIME it waits for that time, too. It stops when half of those that were tried failed (stop=50%,\n" +
	"counted from ten on), when deliveries are paused, and at Ctrl-C, and says how far it got."

// scheduleHelp is the help of schedule, with what a restart of smtpd does to it.
const scheduleHelp = "Suspended envelopes are skipped (resume them instead), and so are envelopes in flight. What smtpd has\n" +
	"done with the others is reported a moment later on standard error: envelopes whose relay is at its limit\n" +
	"wait on hold, and return to their former time of the next attempt when the relay releases them."
