package sshdtest

import (
	"fmt"
	"net"
	"strings"
	"time"

	"smtpctl/protocol/smtpdsim/simtest"
)

// Slow makes the way to the server take trip there and back, for connections from now on.
func (s *Server) Slow(trip time.Duration) {
	s.t.Helper()
	s.Config(s.slow("mx?", trip))
}

// SlowEach makes hosts of these names lead to the server, each by a way of its own that takes
// its trip there and back, for connections from now on.
func (s *Server) SlowEach(trips map[string]time.Duration) {
	s.t.Helper()
	var first, same strings.Builder
	for host, trip := range trips {
		first.WriteString(s.slow(host, trip))
		same.WriteString(Also(map[string]*Server{host: s}))
	}
	s.Config(first.String() + same.String())
}

// slow starts what delays, and returns the lines of a configuration that lead hosts to it.
func (s *Server) slow(hosts string, trip time.Duration) string {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
			if err != nil {
				near.Close()
				continue
			}
			go simtest.Delay(far, near, trip/2)
			go simtest.Delay(near, far, trip/2)
		}
	}()
	return fmt.Sprintf("Host %s\nPort %d\nHostKeyAlias [127.0.0.1]:%d\n", hosts, ln.Addr().(*net.TCPAddr).Port, s.Port)
}
