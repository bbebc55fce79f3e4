package queue

import (
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// Commands are the commands for the queue.
var Commands = []*command.Command{
	{Pattern: "discover <selector>", Reach: command.NeedsSocket, WholeIDs: true, Offers: command.OffersUnlisted, Group: command.GroupQueue, Effect: command.Changes, Check: checkDiscover, Run: runDiscover,
		Summary: "make smtpd load an envelope or message whose files were put into the spool by hand"},
	{Pattern: "pause envelope <selector...>", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Check: CheckSelection, Run: runPauseEnvelope,
		Summary: "suspend the selected envelopes: smtpd makes no new attempt until they are resumed",
		Help:    pauseEnvelopeHelp},
	{Pattern: "pause envelope all", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runPauseEnvelope,
		Summary: "suspend all envelopes: smtpd makes no new attempt until they are resumed",
		Help:    pauseEnvelopeHelp},
	{Pattern: "remove <selector...>", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.RemovesEnvelopes, Check: CheckSelection, Run: runRemove,
		Summary: "remove the selected envelopes",
		Help:    removeHelp},
	{Pattern: "remove all", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.RemovesEnvelopes, Run: runRemove,
		Summary: "remove all envelopes",
		Help:    removeHelp},
	{Pattern: "resume envelope <selector...>", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Check: CheckSelection, Run: runResumeEnvelope,
		Summary: "resume the selected envelopes that are suspended",
		Help:    command.ResumeHelp},
	{Pattern: "resume envelope all", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runResumeEnvelope,
		Summary: "resume all envelopes that are suspended",
		Help:    command.ResumeHelp},
	{Pattern: "schedule <scheduled...>", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Settings: paceSettings, Check: checkPace, Run: runSchedule,
		Summary: "deliver the selected envelopes now, all at once or at a pace: batch=N, rate=N/TIME",
		Help:    scheduleHelp + paceHelp},
	{Pattern: "schedule all", Reach: command.NeedsSocket, Group: command.GroupQueue, Effect: command.ChangesEnvelopes, Run: runSchedule,
		Summary: "deliver all envelopes now",
		Help:    scheduleHelp},
	{Pattern: "show queue", Rounds: true, Reach: command.NeedsSocket, Lists: true, Group: command.GroupQueue, Formats: command.Separated, OwnColumns: true, Empty: "the queue is empty", Check: checkFollow, Run: runShowQueue, Flags: []command.Flag{
		{Name: followFlag, Live: true, Text: "keep running, and print a line when an envelope arrives, is tried or leaves"},
		{Name: "from", Text: "list the copies that --save has written to `DIR`, instead of the queue", In: func(o *command.Options) any { return &o.From }}},
		Summary: "list the envelopes in the queue",
		Help: "--follow lists the queue once a second, and a large queue less often. It misses envelopes that arrive and leave\n" +
			"between two listings. An envelope leaves when it is delivered, bounced or removed, or no longer matches. If more\n" +
			"than 100,000 envelopes are selected, --follow ends with an error. For several machines it is one stream; a machine\n" +
			"that is down or does not answer holds up no other, and is followed again when it is back."},
	{Pattern: "show queue <query...>", Rounds: true, Reach: command.NeedsSocket, Lists: true, Group: command.GroupQueue, Formats: command.Separated, OwnColumns: true, Empty: "no envelope matches", Settings: listSettings, Check: checkListed, Run: runShowQueue,
		Summary: "list the selected envelopes; sort=KEY sorts them, limit=N lists at most N",
		HelpOf:  columnsHelp},
	{Pattern: "show queue by <grouping...>", Reach: command.NeedsSocket, Lists: true, Group: command.GroupQueue, Rows: []any{GroupJSON{}, ServerGroupJSON{}}, Empty: "no envelope matches", Origin: command.Own, Settings: GroupSettings, Check: checkGroups, Run: runShowGroups,
		Summary: "count the envelopes by a field such as domain, error, from, subject or state; by domain age counts each domain by age, by domain server each domain on each machine",
		Help:    "Terms may follow, as for show queue; limit=N shows only the N largest groups. A * in an error stands for\na part that differs between messages; the text can be used unchanged after error=."},
	{Pattern: "wait <condition...>", Reach: command.NeedsSocket, Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Rounds: true, Run: waitUntil(matches),
		Summary: "wait until an envelope matches; give up after 5 minutes, or after another time: for 60s",
		Help: "Example: wait from=a@example.com for 60s. The exit status is 1 if the time ends first. For several machines, an\n" +
			"envelope on any of them is enough; a machine that fails ends wait."},
	{Pattern: "wait empty", Reach: command.NeedsSocket, Group: command.GroupTools, Origin: command.Own, Live: true, Rounds: true, Run: waitUntil(empty),
		Summary: "wait until the queue is empty",
		Help:    waitEmptyHelp},
	{Pattern: "wait empty <condition...>", Reach: command.NeedsSocket, Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Rounds: true, Run: waitUntil(empty),
		Summary: "wait until no envelope matches: wait empty domain=example.com for 10m",
		Help:    waitEmptyHelp},
	{Pattern: "wait stats <statistic...>", Reach: command.NeedsSocket, Group: command.GroupTools, Origin: command.Own, Live: true, Check: checkWait, Rounds: true, Run: waitUntil(statistics),
		Summary: "wait until statistics reach these values: wait stats scheduler.envelope=-100 for 1h",
		Help: "NAME=N, NAME=N- for N or more, NAME=-N for N or less, NAME!=N. Statistics that smtpd does not report yet count as 0.\n" +
			"Of several machines the statistics are added up, but each must have the uptime."},
}

// waitEmptyHelp is the help of wait empty.
const waitEmptyHelp = "For several machines, no envelope may be left on any of them, in two looks in a row, so that mail that goes from\n" +
	"one of them to another does not pass for delivered. A machine that fails ends wait."

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "envelope", Doc: "id of an envelope, 16 hex digits, or the beginning of one", Parse: ParseID},
	{Name: "grouping", Terms: true, DocOf: groupingDoc, Parse: parseGrouping},
	{Name: "condition", Terms: true, Doc: "ids or terms such as domain=example.com; for and a time such as 60s", Parse: parseCondition},
	{Name: "statistic", Doc: "NAME=N, NAME=N- or NAME=-N; for and a time such as 60s", Examples: statExamples, Parse: parseStatCondition},
	{Name: "query", Terms: true, Doc: "ids of envelopes or messages, or terms such as domain=example.com", Help: SelectorHelp, Parse: parseListed},
	{Name: "id", Doc: "id of an envelope or message, or the beginning of one", Parse: ParseID},
	{Name: "scheduled", Terms: true, Doc: "ids of envelopes or messages, or terms such as domain=example.com", Help: SelectorHelp, Parse: parsePaced},
	{Name: "selector", Terms: true, Doc: "ids of envelopes or messages, terms such as domain=example.com, or - for ids on standard input", Help: SelectorHelp, Parse: ParseSelector},
}

// statExamples are conditions of wait stats.
var statExamples = []string{"scheduler.envelope=-100", "scheduler.envelope.inflight=0 for 10m", "scheduler.delivery.ok=1000-", "smtp.session!=0"}

// pauseEnvelopeHelp is the help of pause envelope, the danger first.
const pauseEnvelopeHelp = "A restart of smtpd resumes all envelopes, because smtpd keeps the pause in memory only. The current attempt\n" +
	"of an envelope in flight continues: if it succeeds, the envelope is delivered; if it fails, the envelope\n" +
	"stays suspended."

// removeHelp is the help of remove.
const removeHelp = "The current attempt of an envelope in flight continues: if it succeeds, the envelope is delivered all the\n" +
	"same; if it fails, the envelope is removed. If smtpd is restarted before the attempt ends, the envelope is\n" +
	"back in the queue."

// groupingDoc is what to type for a grouping.
func groupingDoc() string { return groupNames() + ", then terms such as older=1h" }

// columnsHelp is the help of show queue about columns.
func columnsHelp() string {
	names := selector.Names(selector.Columns())
	return "columns=age,to,error chooses the columns of a table, or of csv, tsv or expanded with -o. The columns are\n" +
		strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + "."
}

// paceHelp is the help of schedule about batch= and rate=.
const paceHelp = "\nbatch=N schedules N envelopes, waits until each has left the queue, failed or returned untried, and then schedules\n" +
	"the next N. rate=N/TIME also waits for TIME between two batches. schedule stops if half of the envelopes tried\n" +
	"have failed, ten attempts at least (stop=50%), if deliveries are paused, and at Ctrl-C, and says how far it got."

// scheduleHelp is the help of schedule.
const scheduleHelp = "Suspended envelopes are skipped (resume them instead), and so are envelopes in flight. A moment later,\n" +
	"standard error says what smtpd has done with the others. If a relay is at its limit, its envelopes wait on\n" +
	"hold; if the relay then releases them untried, the former time of their next attempt applies again."
