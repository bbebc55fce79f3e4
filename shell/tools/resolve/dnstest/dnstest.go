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

// A Server answers queries by UDP and TCP. Delay must not change while queries arrive.
type Server struct {
	Addr      string        // with the port
	Delay     time.Duration // before each answer
	Questions atomic.Int64  // so far
	NoEDNS    atomic.Bool   // answer any query with EDNS with FORMERR, as old servers do

	mu    sync.Mutex
	zone  map[string][]dns.RR // by name
	fails map[string]int      // return codes, by name
}

// Start starts a server at an address, such as 127.0.0.1:0, with the records of a zone
// file. The server stops at the end of the test.
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
	pc, ln := listen(t, addr)
	s.Addr = pc.LocalAddr().String()
	for _, server := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: ln, Handler: s}} {
		go server.ActivateAndServe()
		t.Cleanup(func() { server.Shutdown() })
	}
	return s
}

// listen listens at an address with UDP and TCP. If the system chooses the port, it may choose
// one for UDP at which another program listens with TCP; listen then tries another port.
func listen(t testing.TB, addr string) (net.PacketConn, net.Listener) {
	t.Helper()
	for tries := 0; ; tries++ {
		pc, err := net.ListenPacket("udp", addr)
		if err != nil {
			t.Fatal(err)
		}
		ln, err := net.Listen("tcp", pc.LocalAddr().String())
		if err == nil {
			return pc, ln
		}
		pc.Close()
		if tries == 20 {
			t.Fatal(err)
		}
	}
}

// Fail makes the server answer queries for a name with the error rcode, or not at all if
// rcode is dns.RcodeSuccess.
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
	if s.NoEDNS.Load() && q.IsEdns0() != nil {
		m.Rcode = dns.RcodeFormatError
		w.WriteMsg(m)
		return
	}
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
