package protocol

import "bytes"

// The sizes of an int and a u64 in the payload of LIST_ENVELOPES.
const (
	intSize   = 4
	evpIDSize = 8
)

// envelopeID returns the id of the envelope in a payload of LIST_ENVELOPES: an int of
// flags, a time_t, the id, the letter s, the text of the envelope and a NUL, without
// padding.
func (l *lister) envelopeID(p []byte) (EnvelopeID, error) {
	at := intSize + l.c.layout.Time
	if len(p) < at+evpIDSize+2 {
		return 0, l.c.badSize(TypeListEnvelopes, len(p), at+evpIDSize+2)
	}
	return EnvelopeID(l.c.layout.Order.Uint64(p[at:])), nil
}

// decodeEnvelope reads a payload of LIST_ENVELOPES into e.
func (c *Conn) decodeEnvelope(p []byte, e *Envelope) error {
	return c.layout.DecodeEnvelope(p, e)
}

// DecodeEnvelope reads the payload of a LIST_ENVELOPES frame into e. The error is a
// *ProtocolError if the frame is malformed. If only the text in it is malformed, the
// error wraps ErrNotEnvelope, and e.ID is set.
func (l Layout) DecodeEnvelope(p []byte, e *Envelope) error {
	*e = Envelope{}
	head := intSize + l.Time + evpIDSize
	if len(p) < head+2 || p[head] != 's' {
		return &ProtocolError{Reason: "malformed LIST_ENVELOPES frame"}
	}
	text := p[head+1:]
	n := bytes.IndexByte(text, 0)
	if n < 0 {
		return &ProtocolError{Reason: "LIST_ENVELOPES text without its NUL"}
	}
	if n != len(text)-1 {
		return &ProtocolError{Reason: "LIST_ENVELOPES frame with data after its text"}
	}
	flags := Flags(l.Order.Uint32(p))
	e.NextTry = l.time(p[intSize:])
	e.ID = EnvelopeID(l.Order.Uint64(p[intSize+l.Time:]))
	err := e.parse(text[:n])
	e.Flags |= flags
	return err
}
