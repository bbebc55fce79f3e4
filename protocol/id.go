package protocol

import (
	"fmt"
	"strconv"
)

// MessageID identifies a message in the queue: a random 32-bit number, written as 8 hex
// digits. 0 is never a valid id.
type MessageID uint32

// EnvelopeID identifies an envelope. The upper 32 bits are the id of its message, the
// lower 32 bits are random; the id is written as 16 hex digits. An id whose upper half
// is zero is never valid, because smtpd would take it for a message id.
type EnvelopeID uint64

// String returns the 8 hex digits of the id.
func (id MessageID) String() string { return string(id.Append(nil)) }

// Append appends the 8 hex digits of the id to dst.
func (id MessageID) Append(dst []byte) []byte { return appendHex(dst, uint64(id), 8) }

// First returns the lowest envelope id that the message can have.
func (id MessageID) First() EnvelopeID { return EnvelopeID(id) << 32 }

// Last returns the highest envelope id that the message can have.
func (id MessageID) Last() EnvelopeID { return EnvelopeID(id)<<32 | 0xffffffff }

// String returns the 16 hex digits of the id.
func (id EnvelopeID) String() string { return string(id.Append(nil)) }

// Append appends the 16 hex digits of the id to dst.
func (id EnvelopeID) Append(dst []byte) []byte { return appendHex(dst, uint64(id), 16) }

// appendHex appends the lowest n hex digits of v.
func appendHex(dst []byte, v uint64, n int) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, "0123456789abcdef"[v>>(4*i)&15])
	}
	return dst
}

// Msg returns the id of the message that the envelope belongs to.
func (id EnvelopeID) Msg() MessageID { return MessageID(id >> 32) }

// Valid reports whether the id can name an envelope, that is, whether its upper half is
// not zero.
func (id EnvelopeID) Valid() bool { return id.Msg() != 0 }

// ParseMessageID reads a message id: exactly 8 hex digits, not all zero.
func ParseMessageID(s string) (MessageID, error) {
	v, err := parseHex(s, 8)
	if err != nil {
		return 0, fmt.Errorf("message id %q: %w", s, err)
	}
	return MessageID(v), nil
}

// ParseEnvelopeID reads an envelope id: exactly 16 hex digits, the first 8 of them
// not all zero.
func ParseEnvelopeID(s string) (EnvelopeID, error) {
	v, err := parseHex(s, 16)
	if err != nil {
		return 0, fmt.Errorf("envelope id %q: %w", s, err)
	}
	id := EnvelopeID(v)
	if !id.Valid() {
		return 0, fmt.Errorf("envelope id %q: the first 8 digits are all zero, which no message id is", s)
	}
	return id, nil
}

// parseHex reads exactly n hex digits; the value must not be zero.
func parseHex(s string, n int) (uint64, error) {
	if len(s) != n || !IsHex(s) {
		return 0, fmt.Errorf("expected %d hex digits", n)
	}
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("expected %d hex digits", n)
	}
	if v == 0 {
		return 0, fmt.Errorf("zero is not an id")
	}
	return v, nil
}

// IsHex reports whether s is one or more hex digits and nothing else.
func IsHex(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return s != ""
}
