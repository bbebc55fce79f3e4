package protocol

import (
	"fmt"
	"io"
)

// Sizes of a frame, from OpenBSD's imsg.h.
const (
	// HeaderSize is the size of the header that starts every frame.
	HeaderSize = 16
	// MaxFrame is the largest frame that either side accepts, header included.
	MaxFrame = 16384
	// Version is the peerid of every request: IMSG_VERSION of releases 6.0 to 7.9.
	Version = 16
)

// A Frame is one message on the control socket.
type Frame struct {
	Type    Type
	PeerID  uint32 // in a request Version; in an answer 0, or the daemon's version in a FAIL
	PID     uint32 // pid of the sender
	Payload []byte // at most MaxFrame-HeaderSize bytes
}

// fdMark is the top bit of the 32-bit length of imsg since 7.7: the frame
// carries a file descriptor.
const fdMark = 1 << 31

// flagFD is the flag with the same meaning in imsg before 7.7.
const flagFD = 1

// AppendFrame appends the bytes of f to dst. If the payload does not fit into one
// frame, AppendFrame returns an error and dst unchanged.
func (l Layout) AppendFrame(dst []byte, f Frame) ([]byte, error) {
	n := HeaderSize + len(f.Payload)
	if n > MaxFrame {
		return dst, fmt.Errorf("%v request of %d bytes: a frame holds at most %d", f.Type, n, MaxFrame)
	}
	dst = l.appendUint32(dst, uint32(f.Type))
	if l.ShortHeader {
		dst = l.appendUint16(dst, uint16(n))
		dst = l.appendUint16(dst, 0)
	} else {
		dst = l.appendUint32(dst, uint32(n))
	}
	dst = l.appendUint32(dst, f.PeerID)
	dst = l.appendUint32(dst, f.PID)
	return append(dst, f.Payload...), nil
}

func (l Layout) appendUint16(dst []byte, v uint16) []byte {
	var b [2]byte
	l.Order.PutUint16(b[:], v)
	return append(dst, b[:]...)
}

func (l Layout) appendUint32(dst []byte, v uint32) []byte {
	var b [4]byte
	l.Order.PutUint32(b[:], v)
	return append(dst, b[:]...)
}

func (l Layout) appendUint64(dst []byte, v uint64) []byte {
	var b [8]byte
	l.Order.PutUint64(b[:], v)
	return append(dst, b[:]...)
}

// frameLen reads the length of the frame that starts with header h and checks
// it against the limits.
func (l Layout) frameLen(h []byte) (int, error) {
	var n uint32
	if l.ShortHeader {
		n = uint32(l.Order.Uint16(h[4:]))
	} else {
		n = l.Order.Uint32(h[4:]) &^ fdMark
		if l.isLittle() {
			// Before 7.7 the upper half of the length holds flags, of which only 1 is
			// used.
			n &^= flagFD << 16
		}
	}
	if n < HeaderSize || n > MaxFrame {
		return 0, &ProtocolError{Reason: fmt.Sprintf("frame of %d bytes, expected %d to %d", n, HeaderSize, MaxFrame)}
	}
	return int(n), nil
}

func (l Layout) isLittle() bool { return l.Order.Uint16([]byte{1, 0}) == 1 }

// DecodeFrame reads one frame from the start of b, and returns it with the number of
// bytes that it takes. The number is 0 when b contains only a part of a frame. The
// error is a *ProtocolError when b cannot be a frame. The payload points into b.
func (l Layout) DecodeFrame(b []byte) (Frame, int, error) {
	if len(b) < HeaderSize {
		return Frame{}, 0, nil
	}
	n, err := l.frameLen(b)
	if err != nil {
		return Frame{}, 0, err
	}
	if len(b) < n {
		return Frame{}, 0, nil
	}
	return Frame{
		Type:    Type(l.Order.Uint32(b)),
		PeerID:  l.Order.Uint32(b[8:]),
		PID:     l.Order.Uint32(b[12:]),
		Payload: b[HeaderSize:n:n],
	}, n, nil
}

// A FrameReader splits a stream of bytes into frames. Its buffer has a fixed size,
// whatever the other side sends. A FrameReader must not be used from several goroutines
// at once.
type FrameReader struct {
	r      io.Reader
	layout Layout
	buf    []byte
	lo, hi int
}

// readBuffer is the size of a FrameReader's buffer: four of the largest frames.
const readBuffer = 4 * MaxFrame

// NewFrameReader returns a reader of the frames in r.
func NewFrameReader(r io.Reader, l Layout) *FrameReader {
	return &FrameReader{r: r, layout: l, buf: make([]byte, readBuffer)}
}

// Buffered returns the next frame if all of it has been read already; otherwise ok is
// false. The payload is valid until the next call of Fill or Next.
func (r *FrameReader) Buffered() (f Frame, ok bool, err error) {
	f, n, err := r.layout.DecodeFrame(r.buf[r.lo:r.hi])
	if err != nil || n == 0 {
		return Frame{}, false, err
	}
	r.lo += n
	return f, true, nil
}

// Unread returns how many bytes have been read from the stream but not returned as
// frames.
func (r *FrameReader) Unread() int { return r.hi - r.lo }

// Fill reads once from the stream. It invalidates the payloads of earlier frames.
func (r *FrameReader) Fill() error {
	if r.lo > 0 {
		r.hi = copy(r.buf, r.buf[r.lo:r.hi])
		r.lo = 0
	}
	n, err := r.r.Read(r.buf[r.hi:])
	r.hi += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && r.hi > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Next returns the next frame, and reads from the stream as often as needed. The
// payload is valid until the next call.
func (r *FrameReader) Next() (Frame, error) {
	for {
		f, ok, err := r.Buffered()
		if ok || err != nil {
			return f, err
		}
		if err := r.Fill(); err != nil {
			return Frame{}, err
		}
	}
}
