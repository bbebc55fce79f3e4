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
	"smtpctl/shell/render"
)

// maxIDCandidates is how many ids are offered for an ambiguous beginning.
const maxIDCandidates = 10

// ErrNoSuchID means that an id names nothing in the queue.
var ErrNoSuchID = errors.New("no such id in the queue")

// An AmbiguousIDError is the beginning of more than one id.
type AmbiguousIDError struct {
	text       string
	Candidates []string
	More       bool
}

func (e *AmbiguousIDError) Error() string { return fmt.Sprintf("ambiguous id: %q", e.text) }

// ResolveMessage returns the message that an id typed by the user names. Whole
// ids are not looked up.
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

// ResolveEnvelope returns the envelope that an id typed by the user names; that
// of a message will do if the message has only one. Whole envelope ids are not
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

// PickID decides on what was found for the beginning of an id.
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

// eachMessage calls f with the ids of the messages from lo on, until it returns
// false. Where smtpd is not running they come from the disk.
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

// eachEnvelopeID calls f with the ids of the envelopes of lo's message from lo
// on, until it returns false.
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

// completeID looks up the message or envelope whose id begins as typed. Whole ids
// are not looked up.
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

// confirmShort asks whether the id that a shortened one stands for is meant.
// Whole ids are meant.
func confirmShort(ctx context.Context, c *command.Call, a IDArg) (IDArg, error) {
	if a.Whole() {
		return a, nil
	}
	if c.Confirm == nil {
		return a, command.Usagef("%q: want 8 or 16 hex digits: a command that changes something takes no shortened id", a.Text)
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

// MinIDDigits is the shortest beginning of an id that is looked up.
const MinIDDigits = 4

// An idSet is the value of an argument that the program itself makes, of any number of
// ids, both ascending.
type idSet struct {
	evps []protocol.EnvelopeID
	msgs []protocol.MessageID
}

// ArgSet returns an argument that stands for envelopes, and for all those of messages,
// both ascending.
func ArgSet(kind *grammar.Kind, evps []protocol.EnvelopeID, msgs []protocol.MessageID) grammar.Arg {
	var parts []string
	if len(evps) > 0 {
		parts = append(parts, render.Plural(len(evps), "envelope"))
	}
	if len(msgs) > 0 {
		parts = append(parts, render.Plural(len(msgs), "message"))
	}
	return grammar.Arg{Kind: kind, Text: strings.Join(parts, " and "), Value: &idSet{evps, msgs}}
}

// An IDArg is what the user typed for an id: a whole message or envelope id, or
// the beginning of one.
type IDArg struct {
	Text string // hex digits, lower case
	msg  protocol.MessageID
	evp  protocol.EnvelopeID
}

// Envelope returns the envelope that the id names as a whole, or 0.
func (a IDArg) Envelope() protocol.EnvelopeID { return a.evp }

// Message returns the message that the id names as a whole, or 0.
func (a IDArg) Message() protocol.MessageID { return a.msg }

// Whole reports whether the id can be used as it is.
func (a IDArg) Whole() bool { return a.msg != 0 || a.evp != 0 }

// Bounds returns the lowest and highest envelope id that begins with the text.
func (a IDArg) Bounds() (lo, hi protocol.EnvelopeID) {
	v, _ := strconv.ParseUint(a.Text, 16, 64)
	shift := 4 * (16 - len(a.Text))
	return protocol.EnvelopeID(v << shift), protocol.EnvelopeID(v<<shift | (1<<shift - 1))
}

// parseID reads 4 to 16 hex digits.
func parseID(word string) (any, error) {
	a := IDArg{Text: strings.ToLower(word)}
	if !protocol.IsHex(word) || len(word) < MinIDDigits || len(word) > 16 {
		return nil, fmt.Errorf("want 8 hex digits for a message or 16 for an envelope")
	}
	var err error
	switch len(word) {
	case 8:
		a.msg, err = protocol.ParseMessageID(a.Text)
	case 16:
		a.evp, err = protocol.ParseEnvelopeID(a.Text)
	default:
		if head := a.Text[:min(8, len(a.Text))]; len(a.Text) > 8 && strings.Trim(head, "0") == "" {
			err = errors.New("the first 8 digits are all zero, so no message has it")
		}
	}
	if err != nil {
		return nil, trimID(err)
	}
	return a, nil
}

// trimID leaves out of an error the id that the caller names anyway.
func trimID(err error) error {
	if _, rest, ok := strings.Cut(err.Error(), `": `); ok {
		return errors.New(rest)
	}
	return err
}
