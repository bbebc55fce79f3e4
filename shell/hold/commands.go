// Package hold keeps mail back by what it is, also what comes later: smtpd can suspend
// only envelopes that it has. A hold is a record on the disk of which mail, until when,
// and what it has suspended; each pass over the records suspends what came since.
package hold

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// flags are those of hold.
var flags = []command.Flag{
	{Name: "again", Text: "suspend what came since for each hold, and end those whose time is over: for cron"},
	{Name: "stay", Text: "stay and do that again every five seconds, or every=TIME, until Ctrl-C"},
}

// Commands are the commands that hold mail back.
var Commands = []*command.Command{
	{Pattern: "hold", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Repeated: true, Flags: flags, Check: checkHold, Run: runHold,
		Summary: "with --again or --stay: suspend what came since for each hold, and end those whose time is over",
		Help:    holdHelp},
	{Pattern: "hold <held...>", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Flags: flags, Check: checkHold, Run: runHold,
		Summary: "suspend mail, and with hold --again what comes later too: hold domain=example.com for=2h",
		Help:    holdHelp},
	{Pattern: "release <held...>", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Check: checkRelease, Run: runRelease,
		Summary: "end a hold: resume what it has suspended",
		Help:    releaseHelp},
	{Pattern: "release all", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Check: checkRelease, Run: runRelease,
		Summary: "end all holds",
		Help:    releaseHelp},
	{Pattern: "show holds", Group: command.GroupQueue, Origin: command.Own, State: true, Run: runShow,
		Summary: "list the holds: what they select, until when, and how much they hold",
		Help:    showHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "held", Terms: true, Doc: "terms such as domain=example.com; for=2h", Parse: parseHeld},
}

// holdHelp is the help of hold, the dangers first.
const holdHelp = "smtpd tries new mail at once, and a hold suspends it only with the next pass: nearly all mail whose first\n" +
	"attempt can succeed is delivered before. A hold keeps mail from being tried again, not from its first attempt;\n" +
	"to stop all attempts use pause mta, or pause mta from where the action has a source address. A restart of\n" +
	"smtpd forgets what is suspended: it is tried at once, and suspended again by the next pass. Nothing runs by\n" +
	"itself: give hold --again every minute by cron or a timer, or hold --stay and leave it running. The time\n" +
	"given with for= ends with the first pass after it; without for= a hold lasts until it is released. Mail that\n" +
	"has become older than its ttl on hold goes back to its sender when it is resumed."

// releaseHelp is the help of release.
const releaseHelp = "It resumes those envelopes that this hold has suspended, and none that somebody else has. What another hold\n" +
	"selects too stays suspended. Give the terms that show holds lists."

// showHelp is the help of show holds.
const showHelp = "SUSPENDED is how many envelopes the hold has suspended that are still so. A time that is over ends the hold only\n" +
	"with the next hold --again."

// Words of a hold beside its terms.
type (
	forArg   time.Duration
	everyArg time.Duration
)

// Bounds of times.
const (
	maxFor       = 30 * 24 * time.Hour
	minEvery     = time.Second
	maxEvery     = time.Hour
	everyDefault = 5 * time.Second
)

// parseTerm reads a term of which the envelope alone decides.
func parseTerm(word string) (*selector.Term, error) {
	term, err := selector.Parse(word)
	if err != nil {
		return nil, err
	}
	if _, deep := (selector.Selector{term}).Split(); len(deep) > 0 {
		return nil, fmt.Errorf("a hold takes no %s, for which each message would have to be read with each pass", term.Key)
	}
	if len(word) > maxTerm {
		return nil, fmt.Errorf("%d bytes are too long for a term of a hold, want at most %d", len(word), maxTerm)
	}
	return term, nil
}

// parseHeld reads one word of what hold and release take.
func parseHeld(word string) (any, error) {
	key, op, value, ok := selector.Split(word)
	switch {
	case !ok:
		return nil, errors.New("want a term such as domain=example.com: a hold takes no ids, for those use pause envelope")
	case key == "for" && op == "=":
		d, err := selector.Duration(value)
		if err != nil || d <= 0 || d > maxFor {
			return nil, errors.New("want a time such as 2h or 3d, up to 30 days")
		}
		return forArg(d), nil
	case key == "every" && op == "=":
		d, err := selector.Duration(value)
		if err != nil || d < minEvery || d > maxEvery {
			return nil, errors.New("want a time such as 5s, from a second to an hour")
		}
		return everyArg(d), nil
	}
	return parseTerm(word)
}

// A request is what the words of a hold ask for.
type request struct {
	terms  []string
	length time.Duration // 0: until it is released
	every  time.Duration // between passes
	fors   int
	everys int
	again  bool
	stay   bool
}

func requestIn(c *command.Call) request {
	q := request{every: everyDefault, again: c.Flag("again") != "", stay: c.Flag("stay") != ""}
	for _, a := range c.Args {
		switch v := a.Value.(type) {
		case forArg:
			q.length = time.Duration(v)
			q.fors++
		case everyArg:
			q.every = time.Duration(v)
			q.everys++
		case *selector.Term:
			q.terms = append(q.terms, v.String())
		}
	}
	return q
}

// checkHold refuses what makes no sense, before anything is sent.
func checkHold(c *command.Call) error {
	q := requestIn(c)
	path := command.PathOf(c)
	switch {
	case len(q.terms) > maxTerms:
		return command.Usagef("%s: want at most %d terms", path, maxTerms)
	case q.fors > 1 || q.everys > 1:
		return command.Usagef("%s: want for= and every= once", path)
	case q.again && (len(q.terms) > 0 || q.fors > 0):
		return command.Usagef("%s: --again is for all holds there are: want no terms and no for= with it", path)
	case len(q.terms) == 0 && !q.again && !q.stay:
		return command.Usagef("%s: want terms such as domain=example.com, or --again", path)
	case len(q.terms) == 0 && q.fors > 0:
		return command.Usagef("%s: for= goes with terms such as domain=example.com", path)
	case q.everys > 0 && !q.stay:
		return command.Usagef("%s: every= goes with --stay", path)
	case q.stay && c.Opts.DryRun:
		return command.Usagef("%s: --dry-run does not go with --stay", path)
	case len(q.terms) == 0 && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect goes with terms", path)
	}
	return nil
}

// checkRelease refuses what release does not take.
func checkRelease(c *command.Call) error {
	q := requestIn(c)
	switch {
	case q.fors+q.everys > 0 || len(c.Args) > 0 && len(q.terms) == 0:
		return command.Usagef("%s: want the terms of a hold, as show holds lists them", command.PathOf(c))
	case len(c.Args) == 0 && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect goes with the terms of one hold", command.PathOf(c))
	}
	return nil
}

// errorf words an error of a command.
func errorf(c *command.Call, err error) error {
	return fmt.Errorf("%s: %w", strings.TrimSpace(command.PathOf(c)), command.FileError(err))
}
