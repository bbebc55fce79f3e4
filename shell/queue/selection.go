package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// stdinArg is the word - where ids are wanted: they come from standard input.
type stdinArg struct{}

// A sortArg is sort=KEY or sort=-KEY, a limitArg limit=N, and columnsArg columns=NAMES:
// all for listings.
type (
	sortArg    struct{ key string }
	limitArg   int
	columnsArg []string
)

// ParseSelector reads one word of a selector: an id, - or a term.
func ParseSelector(word string) (any, error) {
	if word == "-" {
		return stdinArg{}, nil
	}
	if _, _, _, term := selector.Split(word); term {
		return selector.Parse(word)
	}
	if protocol.IsHex(word) {
		return parseID(word)
	}
	return nil, errors.New("want 8 hex digits for a message or 16 for an envelope, or a term such as domain=example.com")
}

// parseListed reads one word of what show queue takes: also an order, a limit or columns.
func parseListed(word string) (any, error) {
	if key, op, value, _ := selector.Split(word); key == "columns" && op == "=" {
		names, err := selector.ParseColumns(value)
		return columnsArg(names), err
	}
	return parseQuery(word)
}

// hasColumns reports whether the arguments of a call choose columns.
func hasColumns(c *command.Call) bool {
	return slices.ContainsFunc(c.Args, func(a grammar.Arg) bool {
		_, ok := a.Value.(columnsArg)
		return ok
	})
}

// checkListed is CheckSelection for show queue. Columns are shown wherever the user asks
// for no format that has none.
func checkListed(c *command.Call) error {
	if hasColumns(c) {
		c.ForPeople()
		if !c.HasColumns() {
			return command.Usagef("%s: columns= goes with -o table, expanded, csv and tsv", command.PathOf(c))
		}
	}
	if err := checkFollow(c); err != nil {
		return err
	}
	return CheckSelection(c)
}

// parseQuery reads one word of what some commands select: also an order or a limit.
func parseQuery(word string) (any, error) {
	switch key, op, value, _ := selector.Split(word); {
	case key == "sort" && op == "=":
		if selector.Find(selector.Sorted(), strings.TrimPrefix(value, "-")) == nil {
			return nil, fmt.Errorf("want one of %s, with - before it for the reverse", strings.Join(SortKeys(), ", "))
		}
		return sortArg{value}, nil
	case key == "limit" && op == "=":
		n, err := strconv.Atoi(value)
		if err != nil || n <= 0 {
			return nil, errors.New("want a number above zero")
		}
		return limitArg(n), nil
	}
	return ParseSelector(word)
}

// A selection is what the words of a command select: envelopes by id, of which
// all terms hold too; without ids all of which the terms hold.
type selection struct {
	ids   []IDArg
	terms selector.Selector
	set   *idSet // of envelopes that the program itself names
	stdin bool
	sort  string
	limit int
}

// selectionIn returns what the arguments select.
func selectionIn(c *command.Call) selection { return selectionOf(c.Args) }

func selectionOf(args []grammar.Arg) selection {
	var s selection
	for _, a := range args {
		switch v := a.Value.(type) {
		case IDArg:
			s.ids = append(s.ids, v)
		case *selector.Term:
			s.terms = append(s.terms, v)
		case *idSet:
			s.set = v
		case stdinArg:
			s.stdin = true
		case sortArg:
			s.sort = v.key
		case limitArg:
			s.limit = int(v)
		}
	}
	return s
}

// single reports whether the selection is one id and nothing else.
func (s *selection) single() bool {
	return len(s.ids) == 1 && s.set == nil && !s.stdin && len(s.terms) == 0 && s.sort == "" && s.limit == 0
}

// named reports whether the selection names envelopes or messages.
func (s *selection) named() bool { return len(s.ids) > 0 || s.set != nil }

// CheckSelection refuses selections that cannot be carried out, before anything
// is sent.
func CheckSelection(c *command.Call) error {
	sel := selectionIn(c)
	switch {
	case sel.stdin && c.Mode.Interactive():
		return command.Usagef("%s: - reads ids from standard input, which is your keyboard here: give the ids as words, or pipe them into smtpctl", command.PathOf(c))
	case sel.stdin && c.Mode.StdinTaken():
		return command.Usagef("%s: - reads ids from standard input, which is taken by the script: put the script into a file and use -f", command.PathOf(c))
	}
	if sel.single() {
		return nil
	}
	for _, id := range sel.ids {
		if !id.Whole() {
			return command.Usagef("%s: %q: want 8 or 16 hex digits where there is more than one word", command.PathOf(c), id.Text)
		}
	}
	return nil
}

// CheckWhole refuses shortened ids: what they stand for would have to be guessed.
func CheckWhole(c *command.Call) error {
	for _, a := range c.Args {
		if id, ok := a.Value.(IDArg); ok && !id.Whole() {
			return command.Usagef("%s: %q: want 8 or 16 hex digits: a command that changes something takes no shortened id", command.PathOf(c), id.Text)
		}
	}
	return CheckSelection(c)
}

// A target is a selection that is ready to be looked for: its ids are complete.
type target struct {
	all   bool                  // not restricted to ids
	msgs  []protocol.MessageID  // the messages to list, ascending, if not all
	whole []protocol.MessageID  // of them those of which every envelope is meant
	evps  []protocol.EnvelopeID // the envelopes that are meant beside, ascending
	terms selector.Selector     // all that have to hold

	shallow selector.Selector // those of the terms that the envelope alone decides
	deep    selector.Selector // and the others, for which mail is read
	mail    *mailReader       // nil without deep terms

	mark *Mark // says what is left alone; may be nil
}

// targetOf completes a selection, reading ids from standard input if need be.
func targetOf(ctx context.Context, c *command.Call, sel selection) (target, error) {
	t := target{all: len(sel.ids) == 0 && sel.set == nil && !sel.stdin, terms: sel.terms}
	if t.shallow, t.deep = sel.terms.Split(); len(t.deep) > 0 {
		t.deep, t.mail = t.deep.CheapFirst(), newMailReader(ctx, c)
	}
	if sel.set != nil {
		t.addSet(sel.set)
	}
	if sel.stdin {
		if err := readIDs(c, &t); err != nil {
			return target{}, err
		}
	}
	for _, id := range sel.ids {
		t.add(id)
	}
	for _, list := range []*[]protocol.MessageID{&t.msgs, &t.whole} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.Sort(t.evps)
	t.evps = slices.Compact(t.evps)
	return t, nil
}

// listedTarget is targetOf for a listing, for which a single id may be shortened.
func listedTarget(ctx context.Context, c *command.Call, sel selection) (target, error) {
	if sel.single() {
		id, err := completeID(ctx, c, sel.ids[0])
		if err != nil {
			return target{}, err
		}
		sel.ids[0] = id
	}
	return targetOf(ctx, c, sel)
}

// add takes in an id.
func (t *target) add(id IDArg) {
	if id.evp != 0 {
		t.evps = append(t.evps, id.evp)
		t.msgs = append(t.msgs, id.evp.Msg())
	} else {
		t.whole = append(t.whole, id.msg)
		t.msgs = append(t.msgs, id.msg)
	}
}

// addSet takes in the ids of a set.
func (t *target) addSet(s *idSet) {
	t.evps = append(t.evps, s.evps...)
	t.whole = append(t.whole, s.msgs...)
	t.msgs = append(append(t.msgs, s.msgs...), MessagesOf(s.evps)...)
}

// list asks smtpd for the envelopes that may be meant.
func (t *target) list(ctx context.Context, conn *protocol.Conn) iter.Seq2[*protocol.Envelope, error] {
	if t.all {
		return conn.Envelopes(ctx)
	}
	return conn.EnvelopesOf(ctx, t.msgs)
}

// named reports whether the ids, if there are any, name an envelope.
func (t *target) named(id protocol.EnvelopeID) bool {
	if t.all {
		return true
	}
	if _, ok := slices.BinarySearch(t.evps, id); ok {
		return true
	}
	_, ok := slices.BinarySearch(t.whole, id.Msg())
	return ok
}

// match reports whether an envelope is selected.
func (t *target) match(e *protocol.Envelope, now int64) bool {
	return t.named(e.ID) && t.shallow.Match(e, now) && (t.mail == nil || t.mail.match(t.deep, e, now))
}

// trouble returns why envelopes cannot be told to match.
func (t *target) trouble() error {
	if t.mail == nil {
		return nil
	}
	return t.mail.err
}

// fits is match for what a listing yields. An envelope whose text could not be
// read is selected by its id only: nothing else is known of it.
func (t *target) fits(e *protocol.Envelope, err error, now int64) bool {
	if err != nil {
		return len(t.terms) == 0 && t.named(e.ID)
	}
	return t.match(e, now)
}

// SelectorHelp explains selectors.
func SelectorHelp() string {
	var b strings.Builder
	b.WriteString("One or more ids of envelopes (16 hex digits) or messages (8), - for ids on standard input, or terms\n" +
		"that must all match; ~ takes a regular expression instead of a value; != and !~ negate the match:\n")
	tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, k := range selector.Terms() {
		fmt.Fprintf(tw, "  %s\t%s %s\t%s\n", k.Key(), k.Ops(), k.Want, k.Doc)
	}
	tw.Flush()
	b.WriteString("In a GLOB * stands for any text and ? for one character; \\* \\? \\\\ stand for themselves, \\x1b for a byte.\n" +
		"Letters match in either case. A domain may end in a dot, and may be written in its own script or as xn--.")
	return b.String()
}
