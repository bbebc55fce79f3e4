// Package inspect shows mail, explains why it is still in the queue, and shows the
// state of relaying.
package inspect

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
)

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "logged", Terms: true, Doc: "ids, addresses such as user@example.com or @example.com, or terms such as domain=example.com", Parse: parseLogged},
}

// explainHelp is the help of explain.
const explainHelp = "A single id is explained in full. Several envelopes are grouped by verdict and reason, the largest group first,\n" +
	"each group with what would help and the id of one envelope; limit=N shows the N largest groups. smtpd is asked\n" +
	"once, so changes during the command do not show."

// Commands are the commands that look into mail and relaying.
var Commands = []*command.Command{
	{Pattern: "explain <query...>", Reach: command.LooksAtFiles, Lists: true, Rows: []any{VerdictGroup{}, Verdict{}}, Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Settings: queue.GroupSettings, Check: checkExplain, Run: runExplain,
		Summary: "explain why the selected envelopes are still in the queue, and what would help",
		Help:    explainHelp},
	{Pattern: "explain all", Reach: command.LooksAtFiles, Lists: true, Rows: []any{VerdictGroup{}}, Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Check: checkExplain, Run: runExplain,
		Summary: "explain why all envelopes are still in the queue, and what would help",
		Help:    explainHelp},
	{Pattern: "show envelope <envelope>", Reach: command.LooksAtFiles, Rows: []any{render.EnvelopeJSON{}}, Group: command.GroupQueue, Run: runShowEnvelope,
		Summary: "show the content of an envelope"},
	{Pattern: "show hosts", Reach: command.NeedsSocket, Rows: []any{report.Host{}}, Group: command.GroupRelay, Run: runReport,
		Summary: "show the remote hosts that smtpd knows"},
	{Pattern: "show hoststats", Reach: command.NeedsSocket, Rows: []any{report.HostStat{}}, Group: command.GroupRelay, Run: runReport,
		Summary: "show the result of the last delivery to each domain in the last 4 hours"},
	{Pattern: "show log <logged...>", Reach: command.LooksAtFiles, Rows: []any{maillog.Event{}}, Group: command.GroupQueue, Origin: command.Own, Logs: true, Check: checkLog, Prepare: prepareLog, Run: runShowLog, Flags: []command.Flag{
		{Name: "log", Text: "read the log in `FILE`, - for standard input", In: func(o *command.Options) any { return &o.Log }}},
		Summary: "show what happened to mail according to smtpd's log: accepted, tried, delivered or given up",
		Help:    logHelp},
	{Pattern: "show message <id>", Reach: command.LooksAtFiles, Group: command.GroupQueue, Run: runShowMessage, Flags: []command.Flag{{Name: "headers", Text: "print only the headers"}},
		Summary: "show the content of a message"},
	{Pattern: "show mta paused", Reach: command.NeedsSocket, Rows: []any{report.Block{}}, Group: command.GroupRelay, Run: runReport,
		Summary: "list the source addresses and domains that pause mta from has stopped"},
	{Pattern: "show relays", Reach: command.NeedsSocket, Rows: []any{report.Relay{}}, Group: command.GroupRelay, Run: runReport,
		Summary: "show the relays in use and their connectors"},
	{Pattern: "show routes", Reach: command.NeedsSocket, Rows: []any{report.Route{}}, Group: command.GroupRelay, Run: runReport,
		Summary: "show the routes that smtpd knows, and which of them are disabled"},
	{Pattern: "show spool", Reach: command.LooksAtFiles, Rows: []any{SpoolJSON{}}, Group: command.GroupQueue, Origin: command.Own, Run: runShowSpool, Flags: []command.Flag{{Name: "fail", Text: "exit with status 1 if anything is listed"}},
		Summary: "list envelope files that smtpd does not list, with the reason, and mail whose file is missing",
		Help:    spoolHelp},
	{Pattern: "show spool <query...>", Reach: command.LooksAtFiles, Rows: []any{SpoolJSON{}}, WholeIDs: true, Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Settings: queue.PickSettings, Check: queue.CheckPicked, Run: runShowSpool,
		Summary: "the same for the selected envelopes; limit=N lists at most N",
		Help:    spoolHelp},
}
