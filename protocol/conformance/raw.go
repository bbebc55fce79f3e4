package conformance

import (
	"net"
	"time"

	"smtpctl/protocol"
)

// raw opens a connection to the control socket without a Conn.
func (s *suite) raw() net.Conn {
	s.Helper()
	nc, err := net.Dial("unix", s.Socket)
	if err != nil {
		s.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(5 * time.Second))
	return nc
}

// ask sends a frame and returns the type of the first frame that comes back, or 0 if
// none does.
func (s *suite) ask(nc net.Conn, t protocol.Type, version uint32, payload []byte) protocol.Type {
	s.Helper()
	f, err := exchange(nc, protocol.Frame{Type: t, PeerID: version, Payload: payload})
	if err != nil {
		return 0
	}
	return f.Type
}

func exchange(nc net.Conn, f protocol.Frame) (protocol.Frame, error) {
	l := protocol.HostLayout()
	b, err := l.AppendFrame(nil, f)
	if err != nil {
		return protocol.Frame{}, err
	}
	if _, err := nc.Write(b); err != nil {
		return protocol.Frame{}, err
	}
	return protocol.NewFrameReader(nc, l).Next()
}

// version sends a request of a later version. The answer is a FAIL with smtpd's own
// version.
func (s *suite) version() {
	nc := s.raw()
	defer nc.Close()
	f, err := exchange(nc, protocol.Frame{Type: protocol.TypeShowStatus, PeerID: protocol.Version + 1})
	s.want("error", err, nil)
	s.want("answer", f.Type, protocol.TypeFail)
	s.want("version", f.PeerID, protocol.Version)
}

// unknownType sends a type that smtpd does not know. smtpd does not answer.
func (s *suite) unknownType() {
	nc := s.raw()
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(300 * time.Millisecond))
	s.want("answer", s.ask(nc, 18, protocol.Version, nil), protocol.Type(0))
	c := s.dial()
	_, err := c.Status(ctx)
	s.want("status", err, nil)
}

// connectionLimit opens as many connections as one user may have, and one more.
func (s *suite) connectionLimit() {
	const limit = 32
	time.Sleep(100 * time.Millisecond) // for those of earlier checks to be closed
	for i := range limit {
		nc := s.raw()
		defer nc.Close()
		if got := s.ask(nc, protocol.TypeShowStatus, protocol.Version, nil); got != protocol.TypeShowStatus {
			s.Fatalf("connection %d: %v", i+1, got)
		}
	}
	nc := s.raw()
	defer nc.Close()
	s.want("one more", s.ask(nc, protocol.TypeShowStatus, protocol.Version, nil), protocol.Type(0))
}
