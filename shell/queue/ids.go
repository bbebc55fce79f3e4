package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
	"smtpctl/shell/render"
)

// maxIDCandidates is how many ids are listed for an ambiguous beginning.
const maxIDCandidates = 10

// ErrNoSuchID means that an id names nothing in the queue.
var ErrNoSuchID = errors.New("no such id in the queue")

// An AmbiguousIDError is the error for a beginning that several ids have.
type AmbiguousIDError struct {
	text       string
	Candidates []string
	More       bool
}

func (e *AmbiguousIDError) Error() string { return fmt.Sprintf("ambiguous id: %q", e.text) }

// ResolveMessage returns the message that an id typed by the user names. A whole id is
// not looked up.
func ResolveMessage(ctx context.Context, c *command.Call, a IDArg) (protocol.MessageID, error) {
	switch {
	case a.msg != 0:
		return a.msg, nil
	case a.evp != 0:
		return a.evp.Msg(), nil
	case len(a.Text) > 8:
		id, err := ResolveEnvelope(ctx, c, a)
		return id.Msg(), err
	}
	lo, hi := a.Bounds()
	var found []string
	var id protocol.MessageID
	err := eachMessage(ctx, c, lo.Msg(), func(m protocol.MessageID) bool {
		if m > hi.Msg() {
			return false
		}
		id = m
		found = append(found, m.String())
		return len(found) <= maxIDCandidates
	})
	if err != nil {
		return 0, err
	}
	return id, PickID(a.Text, found)
}

// ResolveEnvelope returns the envelope that an id typed by the user names. The id of a
// message is accepted if the message has only one envelope. A whole envelope id is not
// looked up.
func ResolveEnvelope(ctx context.Context, c *command.Call, a IDArg) (protocol.EnvelopeID, error) {
	if a.evp != 0 {
		return a.evp, nil
	}
	lo, hi := a.Bounds()
	if len(a.Text) < 8 {
		msg, err := ResolveMessage(ctx, c, a)
		if err != nil {
			return 0, err
		}
		lo, hi = msg.First(), msg.Last()
	}
	var found []string
	var id protocol.EnvelopeID
	err := eachEnvelopeID(ctx, c, lo, func(e protocol.EnvelopeID) bool {
		if e > hi {
			return false
		}
		id = e
		found = append(found, e.String())
		return len(found) <= maxIDCandidates
	})
	if err != nil {
		return 0, err
	}
	return id, PickID(a.Text, found)
}

// PickID returns nil if exactly one id was found for the beginning of an id, otherwise
// the error that says so.
func PickID(text string, found []string) error {
	switch len(found) {
	case 0:
		return fmt.Errorf("%q: %w", text, ErrNoSuchID)
	case 1:
		return nil
	}
	n := min(len(found), maxIDCandidates)
	return &AmbiguousIDError{text: text, Candidates: found[:n], More: len(found) > n}
}

// eachMessage calls f with the ids of messages, beginning with lo, until f returns
// false. If smtpd is not running, the ids come from the disk.
func eachMessage(ctx context.Context, c *command.Call, lo protocol.MessageID, f func(protocol.MessageID) bool) error {
	conn, err := listingConn(ctx, c)
	if onlyDisk(err) {
		var last protocol.MessageID
		return eachOnDisk(ctx, c, lo.First(), func(e protocol.EnvelopeID) bool {
			if e.Msg() == last {
				return true
			}
			last = e.Msg()
			return f(last)
		})
	}
	if err != nil {
		return err
	}
	for m, err := range conn.Messages(ctx, lo) {
		if err != nil {
			return err
		}
		if !f(m) {
			break
		}
	}
	return nil
}

// eachEnvelopeID calls f with the ids of the envelopes of lo's message, beginning with
// lo, until f returns false.
func eachEnvelopeID(ctx context.Context, c *command.Call, lo protocol.EnvelopeID, f func(protocol.EnvelopeID) bool) error {
	conn, err := listingConn(ctx, c)
	if onlyDisk(err) {
		return eachOnDisk(ctx, c, lo, f)
	}
	if err != nil {
		return err
	}
	for e, err := range conn.MessageEnvelopes(ctx, lo) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		if !f(e.ID) {
			break
		}
	}
	return nil
}

func eachOnDisk(ctx context.Context, c *command.Call, lo protocol.EnvelopeID, f func(protocol.EnvelopeID) bool) error {
	for id, err := range filesOf(ctx, c).IDs() {
		if err != nil {
			return command.FileError(err)
		}
		if id >= lo && !f(id) {
			break
		}
	}
	return nil
}

// completeID looks up the message or envelope whose id begins as typed. A whole id is
// not looked up.
func completeID(ctx context.Context, c *command.Call, a IDArg) (_ IDArg, err error) {
	switch {
	case a.Whole():
	case len(a.Text) < 8:
		a.msg, err = ResolveMessage(ctx, c, a)
	default:
		a.evp, err = ResolveEnvelope(ctx, c, a)
	}
	return a, err
}

// confirmShort asks whether the user means the id that a shortened one stands for. It
// does not ask about a whole id.
func confirmShort(ctx context.Context, c *command.Call, a IDArg) (IDArg, error) {
	if a.Whole() {
		return a, nil
	}
	if c.Confirm == nil {
		return a, command.Usagef("%q: expected 8 or 16 hex digits: a command that changes something needs the whole id", a.Text)
	}
	a, err := completeID(ctx, c, a)
	if err != nil {
		return a, err
	}
	what := "message " + a.msg.String()
	if a.evp != 0 {
		what = "envelope " + a.evp.String()
	}
	verb := c.Verb()
	if c.Gather != nil { // the question is one for several machines, and does not say this
		c.Warnf("%s %s", verb, what)
	}
	if !c.Confirm(ctx, fmt.Sprintf("%s %s?", verb, what)) {
		if err := context.Cause(ctx); err != nil {
			return a, err
		}
		return a, command.ErrNotConfirmed
	}
	return a, nil
}

// ArgID returns the value of an argument that is an id.
func ArgID(c *command.Call, i int) IDArg { return c.Args[i].Value.(IDArg) }

// MinIDDigits is the length of the shortest beginning of an id that is looked up.
const MinIDDigits = 4

// An idSet is the value of an argument that the program itself makes: any number of ids
// of envelopes and messages, both ascending.
type idSet struct {
	evps []protocol.EnvelopeID
	msgs []protocol.MessageID
	last *command.Listing // that showed them; nil if it was not that
}

// ArgSet returns an argument for the given envelopes and for all envelopes of the given
// messages. Both must ascend.
func ArgSet(kind *grammar.Kind, evps []protocol.EnvelopeID, msgs []protocol.MessageID) grammar.Arg {
	var parts []string
	if len(evps) > 0 {
		parts = append(parts, render.Plural(len(evps), "envelope"))
	}
	if len(msgs) > 0 {
		parts = append(parts, render.Plural(len(msgs), "message"))
	}
	return grammar.Arg{Kind: kind, Text: strings.Join(parts, " and "), Value: &idSet{evps: evps, msgs: msgs}}
}

// An IDArg is an id as the user typed it: the whole id of a message or envelope, or the
// beginning of one.
type IDArg struct {
	Text string // hex digits, lower case
	msg  protocol.MessageID
	evp  protocol.EnvelopeID
}

// Envelope returns the envelope if the id is that of an envelope in full, otherwise 0.
func (a IDArg) Envelope() protocol.EnvelopeID { return a.evp }

// Message returns the message if the id is that of a message in full, otherwise 0.
func (a IDArg) Message() protocol.MessageID { return a.msg }

// Whole reports whether the id is complete.
func (a IDArg) Whole() bool { return a.msg != 0 || a.evp != 0 }

// Bounds returns the lowest and the highest envelope id that begins with the text.
func (a IDArg) Bounds() (lo, hi protocol.EnvelopeID) {
	v, _ := strconv.ParseUint(a.Text, 16, 64)
	shift := 4 * (16 - len(a.Text))
	return protocol.EnvelopeID(v << shift), protocol.EnvelopeID(v<<shift | (1<<shift - 1))
}

// NamesMail implements command.Namer.
func (IDArg) NamesMail()  {}
func (*idSet) NamesMail() {}

// ParseID reads an id, which may carry the name of its machine.
func ParseID(word string) (any, error) { return command.ParseID(word, parseDigits) }

// isID reports whether a word can be nothing but an id: hex digits, or those after the name of
// a machine.
func isID(word string) bool { return protocol.IsHex(word) || CarriesHost(word) }

// CarriesHost reports whether a word is meant as an id that carries the name of its machine.
func CarriesHost(word string) bool {
	_, id, carried, err := hostname.Cut(word)
	return carried && protocol.IsHex(id) && (err == nil || !strings.Contains(word, "@"))
}

// parseDigits reads 4 to 16 hex digits.
func parseDigits(word string) (any, error) {
	a := IDArg{Text: strings.ToLower(word)}
	if !protocol.IsHex(word) || len(word) < MinIDDigits || len(word) > 16 {
		return nil, fmt.Errorf("expected 8 hex digits for a message or 16 for an envelope")
	}
	var err error
	switch len(word) {
	case 8:
		a.msg, err = protocol.ParseMessageID(a.Text)
	case 16:
		a.evp, err = protocol.ParseEnvelopeID(a.Text)
	default:
		if head := a.Text[:min(8, len(a.Text))]; len(a.Text) > 8 && strings.Trim(head, "0") == "" {
			err = errors.New("the first 8 digits are all zero, which no message id is")
		}
	}
	if err != nil {
		return nil, trimID(err)
	}
	return a, nil
}

// trimID removes the id from an error of a caller that names the id itself.
func trimID(err error) error {
	if _, rest, ok := strings.Cut(err.Error(), `": `); ok {
		return errors.New(rest)
	}
	return err
}
