package smtpdsim

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
)

// Break returns a connection that damages what is written to it after the given number
// of bytes. "hangup" closes it, "stall" sends no more, "garbage" sends other bytes,
// "flood" sends everything a thousand times. "split" sends every byte on its own,
// beginning with the first one.
func Break(c net.Conn, what string, after int64) net.Conn {
	f := &faulty{Conn: c, what: what}
	f.left.Store(after)
	return f
}

type faulty struct {
	net.Conn
	what string
	left atomic.Int64
}

func (f *faulty) Write(p []byte) (int, error) {
	n := int64(len(p))
	if f.what == "split" {
		for i := range p {
			if _, err := f.Conn.Write(p[i : i+1]); err != nil {
				return i, err
			}
		}
		return len(p), nil
	}
	left := f.left.Add(-n) + n
	if left >= n {
		return f.Conn.Write(p)
	}
	left = max(left, 0)
	f.Conn.Write(p[:left])
	switch f.what {
	case "hangup":
		f.Conn.Close()
		return 0, io.ErrClosedPipe
	case "garbage":
		return f.Conn.Write(bytes.Repeat([]byte{0xa5}, int(n-left)))
	case "flood":
		for range 1000 {
			if _, err := f.Conn.Write(p); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// Tampers returns faults of single frames by name, for the frame with the number at: a
// wrong type, a length that is too large or too small, a text without its NUL, and a
// frame that is cut short, doubled, missing or sent after its successor.
func Tampers(at int) map[string]func() func(n int, raw []byte) []byte {
	once := func(f func(raw []byte) []byte) func() func(int, []byte) []byte {
		return func() func(int, []byte) []byte {
			return func(n int, raw []byte) []byte {
				if n == at {
					return f(raw)
				}
				return raw
			}
		}
	}
	setLen := func(raw []byte, d int) []byte {
		binary.NativeEndian.PutUint16(raw[4:], uint16(len(raw)+d))
		return raw
	}
	return map[string]func() func(int, []byte) []byte{
		"type":    once(func(raw []byte) []byte { raw[0] ^= 0x15; return raw }),
		"long":    once(func(raw []byte) []byte { return setLen(raw, 8) }),
		"short":   once(func(raw []byte) []byte { return setLen(raw, -1) }),
		"no NUL":  once(func(raw []byte) []byte { raw[len(raw)-1] = 'x'; return raw }),
		"cut":     once(func(raw []byte) []byte { return setLen(raw, -(len(raw)-16)/2)[:len(raw)-(len(raw)-16)/2] }),
		"twice":   once(func(raw []byte) []byte { return append(raw, raw...) }),
		"missing": once(func([]byte) []byte { return nil }),
		"swapped": func() func(int, []byte) []byte {
			var held []byte
			return func(n int, raw []byte) []byte {
				switch n {
				case at:
					held = raw
					return nil
				case at + 1:
					return append(raw, held...)
				}
				return raw
			}
		},
	}
}
