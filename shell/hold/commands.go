// Package hold keeps mail that matches terms from being tried again, also mail that
// arrives later, although smtpd can suspend only envelopes in its queue. A hold is a
// record on the disk with its terms, its end, and the ids that it has suspended. Each
// pass over the records suspends the mail that has arrived since.
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

// flags are the flags of hold.
var flags = []command.Flag{
	{Name: "again", Text: "one pass over all holds, for cron: suspend mail that arrived since the last pass, and end holds whose time is over"},
	{Name: "stay", Text: "stay in the foreground and make such a pass every five seconds, or every=TIME, until Ctrl-C"},
}

// settings are the words of hold that are no terms.
var settings = []*command.Setting{
	{Name: "for", Want: "TIME", Doc: "how long to hold it, such as 2h; without it until it is released", Note: "The hold ends with the first hold --again after that time. At most 30 days.",
		Examples: []string{"domain=example.com for=2h", "error='*rate limit*' for=90m"}, Some: []string{"30m", "1h", "2h", "4h", "12h", "1d"}},
	{Name: "every", Want: "TIME", Doc: "with --stay: how often mail that came since is suspended", Note: "A second to an hour; without it every five seconds.",
		Examples: []string{"domain=example.com --stay every=2s"}, Some: []string{"1s", "2s", "5s", "10s", "1m"}},
}

// Commands are the commands for holds.
var Commands = []*command.Command{
	{Pattern: "hold", Reach: command.NeedsSocket, Single: "holds are those of one smtpd", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Repeated: true, Flags: flags, Check: checkHold, Run: runHold,
		Summary: "with --again or --stay: suspend mail that arrived since the last pass, and end holds whose time is over",
		Help:    holdHelp},
	{Pattern: "hold <held...>", Reach: command.NeedsSocket, Single: "holds are those of one smtpd", Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Flags: flags, Settings: settings, Check: checkHold, Run: runHold,
		Summary: "suspend the selected mail; hold --again also suspends what arrives later: hold domain=example.com for=2h",
		Help:    holdHelp},
	{Pattern: "release <held...>", Reach: command.NeedsSocket, Single: "holds are those of one smtpd", Ready: command.ReadyIfHeld, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Check: checkRelease, Run: runRelease,
		Summary: "end a hold: resume the envelopes that it has suspended",
		Help:    releaseHelp},
	{Pattern: "release all", Reach: command.NeedsSocket, Single: "holds are those of one smtpd", Ready: command.ReadyIfHeld, Group: command.GroupQueue, Origin: command.Own, Effect: command.ChangesEnvelopes, State: true, Check: checkRelease, Run: runRelease,
		Summary: "end all holds",
		Help:    releaseHelp},
	{Pattern: "show holds", Reach: command.NeedsSocket, Single: "holds are those of one smtpd", Rows: []any{HoldJSON{}}, Group: command.GroupQueue, Origin: command.Own, State: true, Run: runShow,
		Summary: "list the holds: their terms, when each ends, and how many envelopes it has suspended",
		Help:    showHelp},
}

// Kinds are the kinds of arguments of these commands.
var Kinds = []*grammar.Kind{
	{Name: "held", Terms: true, Doc: "terms such as domain=example.com", Parse: parseHeld},
}

// holdHelp is the help of hold, the dangers first.
const holdHelp = "A hold does not stop the first attempt of new mail: smtpd tries new mail at once, and nearly all mail whose\n" +
	"first attempt can succeed is delivered before the next pass. A hold stops later attempts only. To stop all\n" +
	"attempts, use pause mta, or pause mta from if the action has a source address (src). When smtpd restarts, it\n" +
	"forgets which envelopes are suspended and tries them at once; the next pass suspends them again. No pass runs\n" +
	"by itself: run hold --again every minute from cron or a timer, or leave hold --stay running. A hold given\n" +
	"for=TIME ends with the first pass after that time; without for= it lasts until it is released. Mail that has\n" +
	"grown older than its ttl during the hold is returned to its sender when it is resumed."

// releaseHelp is the help of release.
const releaseHelp = "Give the terms as show holds lists them. Only envelopes that this hold has suspended are resumed, and none that\n" +
	"pause envelope has suspended. Envelopes that another hold selects too stay suspended."

// showHelp is the help of show holds.
const showHelp = "SUSPENDED counts the envelopes that the hold has suspended and that are suspended still. When its time is over, a\n" +
	"hold ends with the next hold --again, not before."

// The words of a hold other than terms.
type (
	forArg   time.Duration
	everyArg time.Duration
)

// Limits of times.
const (
	maxFor       = 30 * 24 * time.Hour
	minEvery     = time.Second
	maxEvery     = time.Hour
	everyDefault = 5 * time.Second
)

// parseTerm parses a term that the envelope alone decides.
func parseTerm(word string) (*selector.Term, error) {
	term, err := selector.Parse(word)
	if err != nil {
		return nil, err
	}
	if _, deep := (selector.Selector{term}).Split(); len(deep) > 0 {
		return nil, fmt.Errorf("a hold takes no %s, since each pass would have to read every message; use another term", term.Key)
	}
	if len(word) > maxTerm {
		return nil, fmt.Errorf("a term of a hold may have %[2]d bytes, this one has %[1]d: shorten it", len(word), maxTerm)
	}
	return term, nil
}

// parseHeld parses one word of hold and release.
func parseHeld(word string) (any, error) {
	key, op, value, ok := selector.Split(word)
	switch {
	case !ok:
		return nil, errors.New("expected a term such as domain=example.com; a hold takes no ids: use pause envelope for them")
	case key == "for" && op == "=":
		d, err := selector.Duration(value)
		if err != nil || d <= 0 || d > maxFor {
			return nil, errors.New("expected a time such as 2h or 3d, up to 30 days")
		}
		return forArg(d), nil
	case key == "every" && op == "=":
		d, err := selector.Duration(value)
		if err != nil || d < minEvery || d > maxEvery {
			return nil, errors.New("expected a time such as 5s, from a second to an hour")
		}
		return everyArg(d), nil
	}
	return parseTerm(word)
}

// A request is what the words of a hold command ask for.
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

// checkHold refuses contradictory words, before anything is sent.
func checkHold(c *command.Call) error {
	q := requestIn(c)
	path := command.PathOf(c)
	switch {
	case len(q.terms) > maxTerms:
		return command.Usagef("%s: expected at most %d terms", path, maxTerms)
	case q.fors > 1 || q.everys > 1:
		return command.Usagef("%s: expected for= and every= once", path)
	case q.again && (len(q.terms) > 0 || q.fors > 0):
		return command.Usagef("%s: --again concerns all holds: leave out the terms and for=", path)
	case len(q.terms) == 0 && !q.again && !q.stay:
		return command.Usagef("%s: expected terms such as domain=example.com, or --again", path)
	case len(q.terms) == 0 && q.fors > 0:
		return command.Usagef("%s: for= needs terms such as domain=example.com", path)
	case q.everys > 0 && !q.stay:
		return command.Usagef("%s: every= needs --stay", path)
	case q.stay && c.Opts.DryRun:
		return command.Usagef("%s: --dry-run does not work with --stay", path)
	case len(q.terms) == 0 && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect needs terms", path)
	}
	return nil
}

// checkRelease refuses words that release does not take.
func checkRelease(c *command.Call) error {
	q := requestIn(c)
	switch {
	case q.fors+q.everys > 0 || len(c.Args) > 0 && len(q.terms) == 0:
		return command.Usagef("%s: expected the terms of a hold, as show holds lists them", command.PathOf(c))
	case len(c.Args) == 0 && c.Opts.Expect >= 0:
		return command.Usagef("%s: --expect needs the terms of one hold", command.PathOf(c))
	}
	return nil
}

// errorf words an error of a command.
func errorf(c *command.Call, err error) error {
	return fmt.Errorf("%s: %w", strings.TrimSpace(command.PathOf(c)), command.FileError(err))
}
