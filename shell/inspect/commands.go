// Package inspect looks into mail, into why it is still there, and into relaying.
package inspect

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "logged", Doc: "ids, addresses such as user@example.com or @example.com, or terms such as domain=example.com", Parse: parseLogged},
}

// explainHelp is the help of explain.
const explainHelp = "One id is explained with all that is known of it. Of more envelopes those of one verdict and reason are counted\n" +
	"together, the most first, each with what would help and the id of one of them; limit=N shows the N largest.\n" +
	"smtpd is asked once: what happens meanwhile is not seen."

// Commands are the commands that look into mail and relaying.
var Commands = []*command.Command{
	{Pattern: "explain <query...>", Offers: command.OffersCounted, Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Check: checkExplain, Run: runExplain,
		Summary: "explain why an envelope, or each of the selected ones, is still in the queue, and what would help",
		Help:    explainHelp},
	{Pattern: "explain all", Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Check: checkExplain, Run: runExplain,
		Summary: "explain why the envelopes in the queue are still there",
		Help:    explainHelp},
	{Pattern: "show envelope <envelope>", Group: command.GroupQueue, Run: runShowEnvelope,
		Summary: "show the content of an envelope"},
	{Pattern: "show hosts", Group: command.GroupRelay, Run: runReport,
		Summary: "show the remote hosts that smtpd knows"},
	{Pattern: "show hoststats", Group: command.GroupRelay, Run: runReport,
		Summary: "show the last delivery to each domain of the last 4 hours"},
	{Pattern: "show log <logged...>", Group: command.GroupQueue, Origin: command.Own, Logs: true, Check: checkLog, Prepare: prepareLog, Run: runShowLog, Flags: []command.Flag{
		{Name: "log", Text: "read the log in `FILE`, - for standard input", In: func(o *command.Options) any { return &o.Log }}},
		Summary: "tell what happened to mail, from smtpd's log: accepted, tried, delivered or given up",
		Help:    logHelp},
	{Pattern: "show message <id>", Group: command.GroupQueue, Run: runShowMessage, Flags: []command.Flag{{Name: "headers", Text: "print only the headers"}},
		Summary: "show the content of a message"},
	{Pattern: "show mta paused", Group: command.GroupRelay, Run: runReport,
		Summary: "show what pause mta from has paused"},
	{Pattern: "show relays", Group: command.GroupRelay, Run: runReport,
		Summary: "show the relays in use and their connectors"},
	{Pattern: "show routes", Group: command.GroupRelay, Run: runReport,
		Summary: "show the routes that smtpd knows and which are disabled"},
	{Pattern: "show spool", Group: command.GroupQueue, Origin: command.Own, Run: runShowSpool, Flags: []command.Flag{{Name: "fail", Text: "exit with status 1 if anything is listed"}},
		Summary: "list the files on disk that smtpd does not list, and why, and mail that has no file",
		Help:    spoolHelp},
	{Pattern: "show spool <query...>", WholeIDs: true, Offers: command.OffersUnlisted, Group: command.GroupQueue, Origin: command.Own, Check: queue.CheckPicked, Run: runShowSpool,
		Summary: "list those of the selected envelopes; limit=N lists only N",
		Help:    spoolHelp},
}
