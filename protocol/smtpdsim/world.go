package smtpdsim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"smtpctl/protocol"
)

// The constants of the simulated world.
const (
	tickEvery   = time.Second
	maxInflight = 20   // deliveries at the same time
	arrivals    = 3    // new messages, at most, each tick
	fullQueue   = 4000 // no new mail while more than this is queued
	firstRetry  = 60   // seconds until the second try, growing with each
)

// A world makes a simulated queue move: mail arrives, is delivered, is retried and
// bounces, and routes are disabled and recover.
type world struct {
	r        *rand.Rand
	routes   []route
	hosts    map[string]int64  // last connection, by domain
	statuses map[string]string // last status, by domain
	d        protocol.Digest
	now      int64 // of the last tick
}

// A route is the way to one domain.
type route struct {
	id       int
	domain   string
	disabled int64 // until then; 0 if it is not
	penalty  int
	errors   int
}

func newWorld(seed uint64, now int64) *world {
	w := &world{r: rand.New(rand.NewPCG(seed, 2)), hosts: map[string]int64{}, statuses: map[string]string{}, now: now}
	w.d.Startup = now - 600 // its queue is loaded
	for i, domain := range domains {
		w.routes = append(w.routes, route{id: i + 1, domain: domain})
	}
	// The world has a past: mail has come and gone.
	slow := w.route("slow.example")
	slow.disabled, slow.penalty, slow.errors = now+250, 4, 9
	w.statuses["slow.example"] = reasons[1]
	for _, domain := range domains[:2] {
		w.hosts[domain] = now - 3
		w.statuses[domain] = "250 2.0.0 ok"
	}
	return w
}

// address returns the address of a domain's host.
func address(domain string) string {
	h := fnv.New32a()
	h.Write([]byte(domain))
	return fmt.Sprintf("198.51.100.%d", 1+h.Sum32()%250)
}

func (w *world) route(domain string) *route {
	for i := range w.routes {
		if w.routes[i].domain == domain {
			return &w.routes[i]
		}
	}
	return nil
}

// tick moves the world forward to a point in time. Where the clock stands still, so
// does the world. The caller holds s.mu.
func (s *Server) tick(now int64) {
	w := s.world
	if now == w.now {
		return
	}
	w.now = now
	for i := range w.routes {
		if rt := &w.routes[i]; rt.disabled != 0 && rt.disabled <= now {
			rt.disabled, rt.penalty = 0, max(0, rt.penalty-1)
		}
	}
	if s.status&smtpPaused == 0 && s.queue.live < fullQueue {
		for range w.r.IntN(arrivals + 1) {
			s.arrive(now)
		}
	}
	inflight := 0
	for i := range s.queue.all {
		if s.queue.all[i].inflight() {
			inflight++
		}
	}
	for i := range s.queue.all {
		switch e := &s.queue.all[i]; {
		case e.inflight() && e.Time+int64(1+uint32(e.ID)%4) <= now:
			inflight--
			s.tried(e, now)
		case e.removed || e.inflight() || e.suspended() || e.Time > now || inflight >= maxInflight:
		case e.bounce || s.status&mtaPaused == 0:
			if rt := w.route(s.queue.mail(e).domain); rt != nil && rt.disabled != 0 && !e.bounce {
				e.Time = rt.disabled
				continue
			}
			inflight++
			e.scheduled = false
			e.Flags = e.Flags&^(protocol.FlagPending|protocol.FlagHold) | protocol.FlagInflight
			e.Time = now
		}
	}
	s.queue.sweep()
}

// arrive takes in a new message.
func (s *Server) arrive(now int64) {
	w := s.world
	msg := uint64(w.r.Uint32()|1) << 32
	w.d.Connects++
	w.d.Disconnects++
	for range recipients(w.r.IntN(50)) {
		e := Envelope{ID: protocol.EnvelopeID(msg | uint64(w.r.Uint32()|1)), Flags: protocol.FlagPending, Time: now}
		m := s.queue.mail(&e)
		e.Text = fmt.Sprintf("version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n"+
			"sockaddr: 192.0.2.%d\nsender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: 0\nlast-bounce: 0\nttl: 0\nretry: 0\n",
			1+uint32(e.ID)%250, m.from, m.to, m.to, now)
		s.queue.add(e)
		s.files.write(s.queue, &e)
		w.d.Enqueued++
	}
}

// tried ends a delivery attempt.
func (s *Server) tried(e *Envelope, now int64) {
	w := s.world
	m := s.queue.mail(e)
	e.Flags = e.Flags&^protocol.FlagInflight | protocol.FlagPending
	rt := w.route(m.domain)
	roll := w.r.IntN(100)
	switch {
	case e.removed: // while it was in flight
		return
	case e.bounce:
		w.statuses[m.domain] = "250 2.0.0 ok"
	case m.domain == "gmial.example":
		w.d.PermanentFailures++
		w.d.Bounces++
		w.statuses[m.domain] = "550 5.1.1 User unknown"
		b := Envelope{ID: protocol.EnvelopeID(uint64(e.ID.Msg())<<32 | uint64(w.r.Uint32()|1)), Flags: protocol.FlagPending, Time: now + 2, bounce: true}
		s.done(e)
		s.queue.add(b)
		s.files.write(s.queue, &b)
		w.d.Enqueued++
		return
	case m.domain == "slow.example" && roll < 70 || roll < 10:
		w.d.TemporaryFailures++
		e.tries++
		e.last, e.reason = now, 1
		e.Time = now + int64(e.tries)*int64(e.tries)*firstRetry
		if e.Text != "" {
			e.Text, e.tries = "", 1
		}
		w.statuses[m.domain] = reasons[e.reason]
		if rt != nil && m.domain == "slow.example" {
			rt.errors++
			rt.penalty = min(rt.penalty+1, 10)
			rt.disabled = now + int64(rt.penalty)*15
		}
		s.files.write(s.queue, e)
		return
	default:
		w.statuses[m.domain] = "250 2.0.0 ok"
	}
	w.hosts[m.domain] = now
	w.d.Delivered++
	s.done(e)
}

// done takes a delivered or failed envelope out of the queue.
func (s *Server) done(e *Envelope) {
	s.world.d.Dequeued++
	s.queue.remove(e)
	s.files.remove(e.ID)
}

// reports returns the lines of one of the mta's reports.
func (s *Server) reports(t protocol.Type, now int64) []string {
	w := s.world
	var out []string
	busy := map[string]int{}
	for i := range s.queue.all {
		if e := &s.queue.all[i]; e.inflight() {
			busy[s.queue.mail(e).domain]++
		}
	}
	known := func(domain string) bool { return busy[domain] > 0 || w.hosts[domain] > 0 }
	switch t {
	case protocol.TypeShowRoutes:
		for _, rt := range w.routes {
			flags, timeout := "----", "-"
			if rt.disabled != 0 {
				flags, timeout = "-DQ-", protocol.Duration(rt.disabled-now)
			}
			out = append(out, fmt.Sprintf("%d. [] <-> %s %s nconn=%d nerror=%d penalty=%d timeout=%s",
				rt.id, address(rt.domain), flags, busy[rt.domain], rt.errors, rt.penalty, timeout))
		}
	case protocol.TypeShowHosts:
		for _, domain := range domains {
			if known(domain) {
				last := "-"
				if t := w.hosts[domain]; t > 0 {
					last = protocol.Duration(now - t)
				}
				out = append(out, fmt.Sprintf("%s mx.%s refcount=%d nconn=%d lastconn=%s",
					address(domain), domain, 1+busy[domain], busy[domain], last))
			}
		}
	case protocol.TypeShowRelays:
		for _, domain := range domains {
			if n := busy[domain]; n > 0 {
				out = append(out, fmt.Sprintf("[relay:%s,port=25,mx] refcount=%d ntask=%d nconn=%d lastconn=0s timeout=- wait=",
					domain, n+1, n, n), fmt.Sprintf("  connector [] refcount=0 nconn=%d lastconn=0s timeout=- flags=", n))
			}
		}
	case protocol.TypeShowHostStats:
		for domain, status := range w.statuses {
			out = append(out, fmt.Sprintf("%s|%d|%s", domain, max(w.hosts[domain], w.d.Startup), status))
		}
		slices.Sort(out)
	}
	return out
}
