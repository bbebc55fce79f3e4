package shell

import (
	"context"
	"errors"
	"fmt"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// maxIDCandidates is how many ids are offered for an ambiguous beginning.
const maxIDCandidates = 10

// errNoSuchID means that an id names nothing in the queue.
var errNoSuchID = errors.New("no such id in the queue")

// An ambiguousIDError is the beginning of more than one id.
type ambiguousIDError struct {
	text       string
	candidates []string
	more       bool
}

func (e *ambiguousIDError) Error() string { return fmt.Sprintf("ambiguous id: %q", e.text) }

// resolveMessage returns the message that an id typed by the user names. Whole
// ids are not looked up.
func resolveMessage(ctx context.Context, c *command.Call, a idArg) (protocol.MsgID, error) {
	switch {
	case a.msg != 0:
		return a.msg, nil
	case a.evp != 0:
		return a.evp.Msg(), nil
	case len(a.text) > 8:
		id, err := resolveEnvelope(ctx, c, a)
		return id.Msg(), err
	}
	lo, hi := a.bounds()
	var found []string
	var id protocol.MsgID
	err := eachMessage(ctx, c, lo.Msg(), func(m protocol.MsgID) bool {
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
	return id, pickID(a.text, found)
}

// resolveEnvelope returns the envelope that an id typed by the user names; that
// of a message will do if the message has only one. Whole envelope ids are not
// looked up.
func resolveEnvelope(ctx context.Context, c *command.Call, a idArg) (protocol.EvpID, error) {
	if a.evp != 0 {
		return a.evp, nil
	}
	lo, hi := a.bounds()
	if len(a.text) < 8 {
		msg, err := resolveMessage(ctx, c, a)
		if err != nil {
			return 0, err
		}
		lo, hi = msg.First(), msg.Last()
	}
	var found []string
	var id protocol.EvpID
	err := eachEnvelopeID(ctx, c, lo, func(e protocol.EvpID) bool {
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
	return id, pickID(a.text, found)
}

// pickID decides on what was found for the beginning of an id.
func pickID(text string, found []string) error {
	switch len(found) {
	case 0:
		return fmt.Errorf("%q: %w", text, errNoSuchID)
	case 1:
		return nil
	}
	n := min(len(found), maxIDCandidates)
	return &ambiguousIDError{text: text, candidates: found[:n], more: len(found) > n}
}

// eachMessage calls f with the ids of the messages from lo on, until it returns
// false. Where smtpd is not running they come from the disk.
func eachMessage(ctx context.Context, c *command.Call, lo protocol.MsgID, f func(protocol.MsgID) bool) error {
	conn, err := c.Conn(ctx)
	if errors.Is(err, protocol.ErrNotRunning) {
		var last protocol.MsgID
		return eachOnDisk(ctx, c, lo.First(), func(e protocol.EvpID) bool {
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
func eachEnvelopeID(ctx context.Context, c *command.Call, lo protocol.EvpID, f func(protocol.EvpID) bool) error {
	conn, err := c.Conn(ctx)
	if errors.Is(err, protocol.ErrNotRunning) {
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

func eachOnDisk(ctx context.Context, c *command.Call, lo protocol.EvpID, f func(protocol.EvpID) bool) error {
	for id, err := range disk.OpenSpool(ctx, c).IDs() {
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
func completeID(ctx context.Context, c *command.Call, a idArg) (_ idArg, err error) {
	switch {
	case a.whole():
	case len(a.text) < 8:
		a.msg, err = resolveMessage(ctx, c, a)
	default:
		a.evp, err = resolveEnvelope(ctx, c, a)
	}
	return a, err
}

// confirmShort asks whether the id that a shortened one stands for is meant.
// Whole ids are meant.
func confirmShort(ctx context.Context, c *command.Call, a idArg) (idArg, error) {
	if a.whole() {
		return a, nil
	}
	if c.Confirm == nil {
		return a, command.Usagef("%q: want 8 or 16 hex digits: a command that changes something takes no shortened id", a.text)
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
		return a, errors.New("not confirmed, nothing done")
	}
	return a, nil
}
