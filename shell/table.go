package shell

import "smtpctl/completer/grammar"

// Groups of commands, in the order in which help lists them.
const (
	groupQueue   = "Queue"
	groupServer  = "Server"
	groupRelay   = "Relaying"
	groupDebug   = "Debugging"
	groupTools   = "Tools"
	groupSession = "Session"
)

var groups = []string{groupQueue, groupServer, groupRelay, groupDebug, groupTools, groupSession}

// docs are the summaries of words that begin commands but are none.
var docs = map[string]string{
	"log":             "turn smtpd's debug logging on or off",
	"pause":           "stop envelopes, deliveries, relaying or incoming mail",
	"pause envelope":  "suspend scheduling for envelopes",
	"profile":         "measure the cost of a part of smtpd",
	"resume":          "take back a pause",
	"resume envelope": "resume scheduling for envelopes",
	"resume route":    "enable routes that smtpd has disabled",
	"remove":          "remove envelopes from the queue",
	"schedule":        "deliver envelopes now",
	"discover":        "take up mail that was put into the queue by hand",
	"show":            "show the queue, mail, relaying, statistics or status",
	"show envelope":   "the content of an envelope",
	"show message":    "the content of a message",
	"show mta":        "what pause mta from has paused",
	"spf":             "look up SPF records",
	"trace":           "log in detail what a part of smtpd does",
	"unprofile":       "take back a profile",
	"untrace":         "take back a trace",
	"update":          "read a table again",
	"source":          "run the commands in a file",
	"watch":           "run a command that shows something again and again",
	"pause mta from":  "stop relaying from an address to a domain",
	"resume mta from": "take back a pause mta from",
}

// spfHelp explains spf walk.
const spfHelp = "-4 and -6 leave out the other family; --sort puts all networks in order, --aggregate merges them too;\n" +
	"--resolver ADDR names the name server. What cannot be listed is said on standard error, and fails."

// Help for what is paused and resumed, and what a restart of smtpd does to it.
const (
	pauseHelp = "smtpd keeps the pause in memory only: a restart forgets it, and then mail goes on as before."

	pauseEnvelopeHelp = "An envelope that is in flight is paused too, but the attempt under way goes on: it is delivered if\n" +
		"that succeeds, and stays paused if not. smtpd keeps the pause in memory only: a restart forgets it."

	resumeHelp = "A restart of smtpd resumes everything, since it forgets all pauses."

	pauseFromHelp = "It stops only connections from that very address, which an action has only with src in smtpd.conf;\n" +
		"where no relay has it now, that is said. A restart of smtpd forgets the pause."

	removeHelp = "An envelope that is in flight is dropped when the attempt ends, and delivered if that succeeds; if\n" +
		"smtpd is restarted before that, it is back."

	scheduleHelp = "Suspended envelopes are skipped: resume them instead. So are those that are in flight already. What\n" +
		"smtpd has made of the others a moment later is said on standard error: if their relay has as much to\n" +
		"do as it may have, they wait on hold, and go back to their old time when the relay lets them go."
)

// commandTable returns the command table, sorted by pattern. Everything that
// knows commands derives from it: the resolver, completion and help.
func commandTable() []*Command {
	return []*Command{
		{Pattern: completeWord + " <line>", Group: groupSession, Own: true, Hidden: true, Run: runComplete,
			Summary: "print what can follow in the line of another shell"},
		{Pattern: completeWord + " <line> <shell>", Group: groupSession, Own: true, Hidden: true, Run: runComplete,
			Summary: "the same, with the words as that shell wants them"},
		{Pattern: completeWord + " <line> <shell> <part>", Group: groupSession, Own: true, Hidden: true, Run: runComplete,
			Summary: "the same, for the end of the last word, which the shell replaces"},
		{Pattern: "completion <shell>", Group: groupSession, Own: true, Run: runCompletion,
			Summary: "print the script that completes smtpctl's commands in bash, zsh or fish",
			Help:    "For this session: source <(smtpctl completion bash), the same with zsh, or\nsmtpctl completion fish | source."},
		{Pattern: "discover <selector>", Group: groupQueue, Changes: true, Check: checkDiscover, Run: runDiscover,
			Summary: "take up an envelope or message that was put into the queue by hand"},
		{Pattern: "encrypt", Group: groupTools, Live: true, Stdin: true, Asks: true, Apart: true, Check: checkEncrypt, Run: runEncrypt,
			Summary: "hash the passwords on standard input, one a line, for use as credentials",
			Help: "On a terminal it is asked for twice. The hash is what OpenSMTPD's smtpctl makes on this system, or\n" +
				"what --scheme says, as costly as --cost says. --verify HASH compares passwords with a hash."},
		{Pattern: "encrypt <password>", Group: groupTools, Apart: true, Check: checkEncrypt, Run: runEncrypt,
			Summary: "hash a password for use as credentials",
			Help: "What follows encrypt is the password, even if it looks like an option, but for --scheme, --cost and\n" +
				"--verify with a value; -- ends them. Other users can see it in the output of ps(1) and top(1)."},
		{Pattern: "exit", Group: groupSession, Own: true, Live: true, Run: runExit,
			Summary: "leave the prompt or end the script"},
		{Pattern: "explain <envelope>", Group: groupQueue, Own: true, Run: runExplain,
			Summary: "say why an envelope is still in the queue, and what would help"},
		{Pattern: "help", Group: groupSession, Own: true, Run: runHelp,
			Summary: "list the commands"},
		{Pattern: "help <word...>", Group: groupSession, Own: true, Run: runHelp,
			Summary: "show help for the commands that begin with these words"},
		{Pattern: "log brief", Group: groupDebug, Changes: true, Run: runVerbose(false),
			Summary: "turn smtpd's debug logging off"},
		{Pattern: "log verbose", Group: groupDebug, Changes: true, Run: runVerbose(true),
			Summary: "turn smtpd's debug logging on"},
		{Pattern: "monitor", Group: groupServer, Live: true, Run: runMonitor,
			Summary: "show what smtpd's counters gained, once a second or as --interval says",
			Help: "The first line shows totals. The current clients and envelopes are totals in each line. On a\n" +
				"terminal a plot of the last five minutes stands below. --count N ends it after N lines."},
		{Pattern: "pause envelope <selector...>", Group: groupQueue, Changes: true, Bulk: true, Check: checkSelection, Run: runPauseEnvelope,
			Summary: "suspend scheduling for the envelopes that are selected",
			Help:    pauseEnvelopeHelp,
			Selects: true},
		{Pattern: "pause envelope all", Group: groupQueue, Changes: true, Bulk: true, Run: runPauseEnvelope,
			Summary: "suspend scheduling for all envelopes",
			Help:    pauseEnvelopeHelp},
		{Pattern: "pause mda", Group: groupServer, Changes: true, Run: runPause,
			Summary: "stop deliveries to local users",
			Help:    pauseHelp},
		{Pattern: "pause mta", Group: groupServer, Changes: true, Run: runPause,
			Summary: "stop relaying to other hosts",
			Help:    pauseHelp},
		{Pattern: "pause mta from <address> for <domain>", Group: groupRelay, Changes: true, Run: runBlock,
			Summary: "stop relaying from a source address to a domain",
			Help:    pauseFromHelp},
		{Pattern: "pause smtp", Group: groupServer, Changes: true, Run: runPause,
			Summary: "stop accepting incoming sessions",
			Help:    pauseHelp},
		{Pattern: "profile <profile>", Group: groupDebug, Changes: true, Run: runProfile,
			Summary: "log the cost of a part of smtpd"},
		{Pattern: "quit", Group: groupSession, Own: true, Run: runExit,
			Summary: "leave the prompt or end the script"},
		{Pattern: "remove <selector...>", Group: groupQueue, Changes: true, Bulk: true, Check: checkSelection, Run: runRemove,
			Summary: "remove the envelopes that are selected",
			Help:    removeHelp,
			Selects: true},
		{Pattern: "remove all", Group: groupQueue, Changes: true, Bulk: true, Run: runRemove,
			Summary: "remove all envelopes",
			Help:    removeHelp},
		{Pattern: "resume envelope <selector...>", Group: groupQueue, Changes: true, Bulk: true, Check: checkSelection, Run: runResumeEnvelope,
			Summary: "resume scheduling for the envelopes that are selected",
			Help:    resumeHelp,
			Selects: true},
		{Pattern: "resume envelope all", Group: groupQueue, Changes: true, Bulk: true, Run: runResumeEnvelope,
			Summary: "resume scheduling for all envelopes",
			Help:    resumeHelp},
		{Pattern: "resume mda", Group: groupServer, Changes: true, Run: runPause,
			Summary: "resume deliveries to local users",
			Help:    resumeHelp},
		{Pattern: "resume mta", Group: groupServer, Changes: true, Run: runPause,
			Summary: "resume relaying to other hosts",
			Help:    resumeHelp},
		{Pattern: "resume mta from <address> for <domain>", Group: groupRelay, Changes: true, Run: runBlock,
			Summary: "resume relaying from a source address to a domain",
			Help:    resumeHelp},
		{Pattern: "resume route <route>", Group: groupRelay, Changes: true, Run: runResumeRoute,
			Summary: "enable a route that smtpd has disabled"},
		{Pattern: "resume route all", Group: groupRelay, Own: true, Changes: true, Run: runResumeRoute,
			Summary: "enable all routes that smtpd has disabled"},
		{Pattern: "resume smtp", Group: groupServer, Changes: true, Run: runPause,
			Summary: "resume accepting incoming sessions",
			Help:    resumeHelp},
		{Pattern: "schedule <selector...>", Group: groupQueue, Changes: true, Bulk: true, Check: checkSelection, Run: runSchedule,
			Summary: "deliver the envelopes that are selected now",
			Help:    scheduleHelp, Selects: true},
		{Pattern: "schedule all", Group: groupQueue, Changes: true, Bulk: true, Run: runSchedule,
			Summary: "deliver all envelopes now",
			Help:    scheduleHelp},
		{Pattern: "show envelope <envelope>", Group: groupQueue, Run: runShowEnvelope,
			Summary: "show the content of an envelope"},
		{Pattern: "show hosts", Group: groupRelay, Run: runReport,
			Summary: "show the remote hosts that smtpd knows"},
		{Pattern: "show hoststats", Group: groupRelay, Run: runReport,
			Summary: "show the last delivery to each domain of the last 4 hours"},
		{Pattern: "show message <id>", Group: groupQueue, Run: runShowMessage,
			Summary: "show the content of a message"},
		{Pattern: "show mta paused", Group: groupRelay, Run: runReport,
			Summary: "show what pause mta from has paused"},
		{Pattern: "show queue", Group: groupQueue, Run: runShowQueue,
			Summary: "list the envelopes in the queue"},
		{Pattern: "show queue <query...>", Group: groupQueue, Check: checkSelection, Run: runShowQueue,
			Summary: "list the envelopes that are selected, sorted by sort=KEY, limit=N of them",
			Selects: true},
		{Pattern: "show queue by <grouping...>", Group: groupQueue, Own: true, Check: checkGroups, Run: runShowGroups,
			Summary: "count the envelopes by age, domain, error, host, sender or state; by domain age as a table of ages",
			Help:    "Terms may follow, as for show queue, and limit=N for the N largest groups. In errors a * stands\nfor what is another in each mail, so that one can be given to error= as it is."},
		{Pattern: "show relays", Group: groupRelay, Run: runReport,
			Summary: "show the relays in use and their connectors"},
		{Pattern: "show routes", Group: groupRelay, Run: runReport,
			Summary: "show the routes that smtpd knows and which are disabled"},
		{Pattern: "show stats", Group: groupServer, Run: runShowStats,
			Summary: "show smtpd's statistics"},
		{Pattern: "show status", Group: groupServer, Run: runShowStatus,
			Summary: "show what is running and what is paused"},
		{Pattern: "source <file>", Group: groupSession, Own: true, Live: true, Run: runSource,
			Summary: "run the commands in a file"},
		{Pattern: "spf walk", Group: groupTools, Stdin: true, Apart: true, Check: checkSPFWalk, Run: runSPFWalk,
			Summary: "list the networks that may send for the domains on standard input, one a line",
			Help:    spfHelp},
		{Pattern: "spf walk <name...>", Group: groupTools, Own: true, Apart: true, Check: checkSPFWalk, Run: runSPFWalk,
			Summary: "list the networks that may send for these domains",
			Help:    spfHelp},
		{Pattern: "trace <trace>", Group: groupDebug, Changes: true, Run: runTrace,
			Summary: "log in detail what a part of smtpd does"},
		{Pattern: "unprofile <profile>", Group: groupDebug, Changes: true, Run: runProfile,
			Summary: "take back a profile"},
		{Pattern: "untrace <trace>", Group: groupDebug, Changes: true, Run: runTrace,
			Summary: "take back a trace"},
		{Pattern: "update table <table>", Group: groupServer, Changes: true, Run: runUpdateTable,
			Summary: "make smtpd read a table again"},
		{Pattern: "wait <condition...>", Group: groupTools, Own: true, Live: true, Check: checkWait, Run: runWait,
			Summary: "wait until an envelope is selected, for 5 minutes or as long as for TIME says",
			Help:    "It fails when the time is up: wait from=a@example.com for 60s"},
		{Pattern: "wait empty", Group: groupTools, Own: true, Live: true, Run: runWaitEmpty,
			Summary: "wait until the queue is empty"},
		{Pattern: "wait empty <condition...>", Group: groupTools, Own: true, Live: true, Check: checkWait, Run: runWaitEmpty,
			Summary: "wait until no envelope is selected any more: wait empty domain=example.com for 10m"},
		{Pattern: "wait stats <statistic...>", Group: groupTools, Own: true, Live: true, Check: checkWait, Run: runWaitStats,
			Summary: "wait until statistics have these values: wait stats scheduler.envelope=-100 for 1h",
			Help:    "NAME=N, NAME=N- for N or more, NAME=-N for N or less, NAME!=N; a statistic that smtpd has not yet is 0."},
		{Pattern: "watch <word...>", Group: groupSession, Own: true, Live: true, Run: runWatch,
			Summary: "run a command that shows something again and again",
			Help:    "watch [seconds] command, every 2 seconds if not said. Ctrl-C ends it."},
	}
}

// newTree returns the grammar of the command table.
func newTree(table []*Command) *grammar.Tree {
	rules := make([]grammar.Rule, len(table))
	for i, c := range table {
		rules[i] = grammar.Rule{Pattern: c.Pattern, Summary: c.Summary, Own: c.Own, Hidden: c.Hidden}
	}
	return grammar.New(rules, kinds, docs)
}

// Patterns returns the patterns of all commands, or only of those that
// OpenSMTPD's smtpctl has too.
func Patterns(own bool) []string {
	var out []string
	for _, c := range commandTable() {
		if own || !c.Own {
			out = append(out, c.Pattern)
		}
	}
	return out
}
