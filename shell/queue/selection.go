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

// A stdinArg is the word -, which stands for ids on standard input.
type stdinArg struct{}

// NamesMail implements command.Namer.
func (stdinArg) NamesMail() {}

// A sortArg is sort=KEY or sort=-KEY, a limitArg limit=N, and a columnsArg
// columns=NAMES, all for listings.
type (
	sortArg    struct{ key string }
	limitArg   int
	columnsArg []string
)

// ParseSelector parses one word of a selector: an id, - or a term.
func ParseSelector(word string) (any, error) {
	switch {
	case word == "-":
		return stdinArg{}, nil
	case isLast(word):
		return lastArg{}, nil
	}
	if _, _, _, term := selector.Split(word); term {
		return selector.Parse(word)
	}
	if isID(word) {
		return ParseID(word)
	}
	return nil, errors.New("expected 8 hex digits for a message or 16 for an envelope, or a term such as domain=example.com")
}

// parseListed parses one word of show queue: one of a selector, an order, a limit or
// columns.
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

// checkListed is CheckSelection for show queue. Chosen columns are shown unless the
// user asks for a format without columns.
func checkListed(c *command.Call) error {
	if hasColumns(c) {
		c.ForPeople()
		if !c.HasColumns() {
			return command.Usagef("%s: columns= works only with -o table, expanded, csv and tsv", command.PathOf(c))
		}
	}
	if err := checkFollow(c); err != nil {
		return err
	}
	return CheckSelection(c)
}

// parseQuery parses one word of a selector, an order or a limit.
func parseQuery(word string) (any, error) {
	switch key, op, value, _ := selector.Split(word); {
	case key == "sort" && op == "=":
		if selector.Find(selector.Sorted(), strings.TrimPrefix(value, "-")) == nil {
			return nil, fmt.Errorf("expected one of %s, with - before it for the reverse", strings.Join(SortKeys(), ", "))
		}
		return sortArg{value}, nil
	case key == "limit" && op == "=":
		n, err := strconv.Atoi(value)
		if err != nil || n <= 0 {
			return nil, errors.New("expected a number above zero")
		}
		return limitArg(n), nil
	}
	return ParseSelector(word)
}

// A selection is what the words of a command select: the envelopes of the ids that
// match all terms or, without ids, all envelopes that match all terms.
type selection struct {
	ids   []IDArg
	terms selector.Selector
	set   *idSet           // of envelopes that the program itself names
	last  *command.Listing // that showed the envelopes of set; nil if it was not that
	stdin bool
	sort  string
	limit int
}

// selectionIn returns the selection of the arguments of a call.
func selectionIn(c *command.Call) selection { return selectionOf(c.Args) }

func selectionOf(args []grammar.Arg) selection {
	var s selection
	for _, a := range args {
		switch v := a.Value.(type) {
		case IDArg:
			s.ids = append(s.ids, v)
		case command.PerHost:
			s.ids = append(s.ids, IDArg{}) // selects nothing, where Call.For has not been called
		case *selector.Term:
			s.terms = append(s.terms, v)
		case *idSet:
			s.set, s.last = v, v.last
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

// single reports whether the selection is a single id without terms.
func (s *selection) single() bool {
	return len(s.ids) == 1 && s.set == nil && !s.stdin && len(s.terms) == 0 && s.sort == "" && s.limit == 0
}

// named reports whether the selection has ids.
func (s *selection) named() bool { return len(s.ids) > 0 || s.set != nil }

// CheckSelection refuses selections that cannot be carried out, before anything is
// sent.
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
			return command.Usagef("%s: %q: expected 8 or 16 hex digits where there is more than one word", command.PathOf(c), id.Text)
		}
	}
	return nil
}

// CheckWhole refuses shortened ids, because their meaning would have to be guessed.
func CheckWhole(c *command.Call) error {
	for _, a := range c.Args {
		if id, ok := a.Value.(IDArg); ok && !id.Whole() {
			return command.Usagef("%s: %q: expected 8 or 16 hex digits: a command that changes something needs the whole id", command.PathOf(c), id.Text)
		}
	}
	return CheckSelection(c)
}

// A target is a selection whose ids are complete, ready to be compared with envelopes.
type target struct {
	all   bool                  // not restricted to ids
	msgs  []protocol.MessageID  // the messages to list, ascending, if not all
	whole []protocol.MessageID  // of them those of which every envelope is meant
	evps  []protocol.EnvelopeID // the envelopes that are meant beside, ascending
	terms selector.Selector     // all that have to hold

	shallow selector.Selector // those of the terms that the envelope alone decides
	deep    selector.Selector // and the others, for which mail is read
	mail    *mailReader       // nil without deep terms
	ahead   *ahead            // gets mail before it is looked into; nil if that is not needed

	mark *Mark // says what is left alone; may be nil
}

// targetOf returns the target of a selection. It reads ids from standard input if the
// selection has a -.
func targetOf(ctx context.Context, c *command.Call, sel selection) (target, error) {
	t := target{all: len(sel.ids) == 0 && sel.set == nil && !sel.stdin, terms: sel.terms}
	t.ahead, _ = ctx.Value(aheadKey{}).(*ahead)
	if t.shallow, t.deep = sel.terms.Split(); len(t.deep) > 0 {
		t.deep, t.mail = t.deep.CheapFirst(), newMailReader(ctx, c)
		t.ahead = t.mail.ahead
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

// listedTarget is targetOf for a listing, which accepts a single shortened id.
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

// add adds an id.
func (t *target) add(id IDArg) {
	if id.evp != 0 {
		t.evps = append(t.evps, id.evp)
		t.msgs = append(t.msgs, id.evp.Msg())
	} else {
		t.whole = append(t.whole, id.msg)
		t.msgs = append(t.msgs, id.msg)
	}
}

// addSet adds the ids of a set. It does not copy them, because there may be many.
func (t *target) addSet(s *idSet) {
	t.evps = slices.Clip(s.evps)
	t.whole = slices.Clip(s.msgs)
	t.msgs = MessagesOf(s.evps)
	if len(s.msgs) > 0 {
		t.msgs = append(t.msgs, s.msgs...)
	}
}

// list lists the envelopes among which the target may be.
func (t *target) list(ctx context.Context, conn *protocol.Conn) iter.Seq2[*protocol.Envelope, error] {
	list := conn.EnvelopesOf(ctx, t.msgs)
	if t.all {
		list = conn.Envelopes(ctx)
	}
	return t.ahead.over(list, func(e *protocol.Envelope, now int64) bool { return t.named(e.ID) && t.shallow.Match(e, now) })
}

// named reports whether the target has the id of an envelope; without ids it has all.
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

// trouble returns why it is unknown whether envelopes match.
func (t *target) trouble() error {
	if t.mail == nil {
		return nil
	}
	return t.mail.err
}

// fits is match for the results of a listing. An envelope whose text could not be read
// is selected by its id only, because nothing else of it is known.
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
		fmt.Fprintf(tw, "  %s\t%s %s\t%s\n", k.Key(), k.Ops(), k.Want, k.About())
	}
	tw.Flush()
	b.WriteString("An id may carry the name of its machine, as in mx1:1234567812345678. In a command for several machines such\n" +
		"ids are for their machines only, and those that no id names do nothing, whatever the terms.\n")
	b.WriteString("_ stands for exactly the envelopes that the last listing in this session showed, and not for mail that came since:\n" +
		"remove _, or with terms remove _ older=1h. Listings are show queue, show queue by, explain, an action with\n" +
		"--dry-run, and the marks of browse. With limit=N they are those N; what | does with the listing does not count.\n" +
		"After a list of several machines _ stands for the envelopes of each, and a command with _ is for those machines.\n")
	b.WriteString("In a GLOB * stands for any text and ? for one character; \\* \\? \\\\ stand for themselves, \\x1b for a byte.\n" +
		"Letters match in either case. A domain may end in a dot, and may be written in its own script or as xn--.")
	return b.String()
}
