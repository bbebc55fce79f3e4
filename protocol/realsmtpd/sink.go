package realsmtpd

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"
)

// A Sink is a mail server that accepts the mail that smtpd relays. The domain of a
// recipient determines the reply: temp.* is refused with 451, perm.* with 550, slow.*
// never gets a reply, and mail for any other domain is accepted and discarded.
type Sink struct {
	ln   net.Listener
	mu   sync.Mutex
	open map[net.Conn]bool
	took map[string]int
	wg   sync.WaitGroup
}

// Took returns how many mails were accepted for each recipient.
func (s *Sink) Took() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.took)
}

// Forget resets what Took returns.
func (s *Sink) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.took)
}

// StartSink starts a Sink on a port of 127.0.0.1. It ends with the test.
func StartSink(t testing.TB, port int) *Sink {
	t.Helper()
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	s := &Sink{ln: ln, open: map[net.Conn]bool{}, took: map[string]int{}}
	s.wg.Add(1)
	go s.accept()
	t.Cleanup(s.close)
	return s
}

func (s *Sink) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[c] = true
		s.mu.Unlock()
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *Sink) close() {
	s.ln.Close()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Sink) serve(c net.Conn) {
	defer s.wg.Done()
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	var to []string // recipients of the mail under way
	fmt.Fprint(c, "220 sink.example ESMTP\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.TrimSpace(line))
		switch {
		case strings.HasPrefix(verb, "RCPT TO:"):
			switch {
			case strings.Contains(verb, "@TEMP."):
				fmt.Fprint(c, "451 4.3.0 come back later \\ please\r\n")
			case strings.Contains(verb, "@PERM."):
				fmt.Fprint(c, "550 5.1.1 no such user\r\n")
			case strings.Contains(verb, "@SLOW."):
				r.ReadString('\n') // until smtpd gives up or the test ends
				return
			default:
				if _, rcpt, ok := strings.Cut(line, "<"); ok {
					rcpt, _, _ = strings.Cut(rcpt, ">")
					to = append(to, rcpt)
				}
				fmt.Fprint(c, "250 2.1.5 ok\r\n")
			}
		case verb == "DATA":
			fmt.Fprint(c, "354 go on\r\n")
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			s.mu.Lock()
			for _, rcpt := range to {
				s.took[rcpt]++
			}
			s.mu.Unlock()
			to = nil
			fmt.Fprint(c, "250 2.0.0 taken\r\n")
		case verb == "QUIT":
			fmt.Fprint(c, "221 2.0.0 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 2.0.0 ok\r\n")
		}
	}
}

// A LockedBuffer is a bytes.Buffer that several goroutines may use.
type LockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *LockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *LockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
