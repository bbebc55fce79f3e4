// Package dnstest is a name server for tests.
package dnstest

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A Server answers on a port of a loopback address, by UDP and TCP.
type Server struct {
	Addr      string        // with the port
	Delay     time.Duration // before each answer
	Questions atomic.Int64  // so far

	mu    sync.Mutex
	zone  map[string][]dns.RR // by name
	fails map[string]int      // return codes, by name
}

// Start starts a server at an address, such as 127.0.0.1:0, with the records of a
// zone file. It ends with the test.
func Start(t testing.TB, addr, zone string) *Server {
	t.Helper()
	s := &Server{zone: map[string][]dns.RR{}, fails: map[string]int{}}
	p := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	p.SetDefaultTTL(60)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		name := strings.ToLower(rr.Header().Name)
		s.zone[name] = append(s.zone[name], rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = pc.LocalAddr().String()
	ln, err := net.Listen("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: ln, Handler: s}} {
		go server.ActivateAndServe()
		t.Cleanup(func() { server.Shutdown() })
	}
	return s
}

// Fail makes the server answer with an error for a name; dns.RcodeSuccess means
// not at all.
func (s *Server) Fail(name string, rcode int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[strings.ToLower(dns.Fqdn(name))] = rcode
}

// ServeDNS implements dns.Handler.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.Questions.Add(1)
	time.Sleep(s.Delay)
	m := new(dns.Msg)
	m.SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	s.mu.Lock()
	rcode, failing := s.fails[name]
	s.mu.Unlock()
	if failing {
		if rcode == dns.RcodeSuccess {
			return
		}
		m.Rcode = rcode
		w.WriteMsg(m)
		return
	}
	m.Rcode = dns.RcodeNameError
	for range 10 {
		alias := ""
		for _, rr := range s.zone[name] {
			m.Rcode = dns.RcodeSuccess
			if c, ok := rr.(*dns.CNAME); ok {
				alias = strings.ToLower(c.Target)
			}
			if t := rr.Header().Rrtype; t == q.Question[0].Qtype || t == dns.TypeCNAME {
				m.Answer = append(m.Answer, rr)
			}
		}
		if alias == "" || alias == name {
			break
		}
		if _, ok := s.zone[alias]; !ok {
			m.Rcode = dns.RcodeNameError
		}
		name = alias
	}
	if _, ok := w.RemoteAddr().(*net.UDPAddr); ok {
		size := dns.MinMsgSize
		if opt := q.IsEdns0(); opt != nil {
			size = int(opt.UDPSize())
		}
		m.Truncate(size)
	}
	w.WriteMsg(m)
}
