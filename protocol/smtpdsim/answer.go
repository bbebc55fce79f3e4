package smtpdsim

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
)

// Bits of SHOW_STATUS.
const (
	mdaPaused  = 2
	mtaPaused  = 4
	smtpPaused = 8
)

// answer returns the frames that answer a request. There are none if smtpd would not
// answer. denied says that the client is not root. The caller holds s.mu.
func (s *Server) answer(f protocol.Frame, denied bool) []protocol.Frame {
	l := s.layout
	reply := func(t protocol.Type, p []byte) []protocol.Frame { return []protocol.Frame{{Type: t, Payload: p}} }
	ok := reply(protocol.TypeOK, nil)
	fail := reply(protocol.TypeFail, nil)
	result := func(good bool) []protocol.Frame {
		if good {
			return ok
		}
		return fail
	}
	if f.PeerID != s.cfg.Version {
		return []protocol.Frame{{Type: protocol.TypeFail, PeerID: s.cfg.Version}}
	}
	if denied {
		return fail
	}
	u32 := func() uint32 { return l.Order.Uint32(f.Payload) }
	u64 := func() uint64 { return l.Order.Uint64(f.Payload) }
	want := func(n int) bool { return len(f.Payload) == n }
	switch f.Type {
	case protocol.TypeGetDigest:
		return reply(f.Type, s.digest())
	case protocol.TypeGetStats:
		return reply(f.Type, s.stat(f.Payload))
	case protocol.TypeListMessages:
		if !want(4) {
			return fail
		}
		var p []byte
		for _, m := range s.queue.messages(protocol.MessageID(u32()), s.cfg.MsgBatch) {
			p = putUint(l, p, uint64(m), 4)
		}
		return reply(f.Type, p)
	case protocol.TypeListEnvelopes:
		if !want(8) {
			return fail
		}
		var out []protocol.Frame
		for _, e := range s.queue.batch(protocol.EnvelopeID(u64()), s.cfg.EvpBatch) {
			out = append(out, protocol.Frame{Type: f.Type, Payload: s.listed(e)})
		}
		return append(out, protocol.Frame{Type: f.Type})
	case protocol.TypeShowHosts, protocol.TypeShowRelays, protocol.TypeShowRoutes, protocol.TypeShowHostStats, protocol.TypeShowBlock:
		lines := s.blocks
		if f.Type != protocol.TypeShowBlock {
			lines = s.reports(f.Type, time.Now().Unix())
		}
		var out []protocol.Frame
		for _, line := range lines {
			out = append(out, protocol.Frame{Type: f.Type, Payload: append([]byte(line), 0)})
		}
		return append(out, protocol.Frame{Type: f.Type})
	case protocol.TypeBlock, protocol.TypeUnblock:
		return result(s.block(f))
	case protocol.TypePauseEnvelope, protocol.TypeResumeEnvelope, protocol.TypeRemove, protocol.TypeSchedule:
		return result(want(8) && s.act(f.Type, u64()) > 0)
	case protocol.TypePauseMDA:
		return result(s.pause(mdaPaused))
	case protocol.TypePauseMTA:
		return result(s.pause(mtaPaused))
	case protocol.TypePauseSMTP:
		return result(s.pause(smtpPaused))
	case protocol.TypeResumeMDA:
		return result(s.resume(mdaPaused))
	case protocol.TypeResumeMTA:
		return result(s.resume(mtaPaused))
	case protocol.TypeResumeSMTP:
		return result(s.resume(smtpPaused))
	case protocol.TypeResumeRoute:
		if !want(8) {
			return fail
		}
		s.crashed = s.crashed || u64() == 0 // it frees routes while it walks over them
		for i := range s.world.routes {
			if rt := &s.world.routes[i]; u64() == uint64(rt.id) {
				rt.disabled, rt.penalty = 0, 0
			}
		}
		return ok
	case protocol.TypeShowStatus:
		return reply(f.Type, putUint(l, nil, uint64(s.status), 4))
	case protocol.TypeTraceEnable, protocol.TypeTraceDisable, protocol.TypeProfileEnable, protocol.TypeProfileDisable, protocol.TypeVerbose:
		return result(want(4))
	case protocol.TypeUpdateTable:
		name, _, whole := strings.Cut(string(f.Payload), "\x00")
		return result(whole && s.table(name))
	case protocol.TypeDiscoverEnvelope, protocol.TypeDiscoverMessage:
		if f.Type == protocol.TypeDiscoverEnvelope && !want(8) || f.Type == protocol.TypeDiscoverMessage && !want(4) {
			return fail
		}
		id := uint64(0)
		if f.Type == protocol.TypeDiscoverEnvelope {
			id = u64()
		} else {
			id = uint64(u32())
		}
		return reply(f.Type, putUint(l, nil, s.discover(id), l.Word))
	}
	return nil
}

func (s *Server) pause(bit uint32) bool {
	if s.status&bit != 0 {
		return false
	}
	s.status |= bit
	return true
}

func (s *Server) resume(bit uint32) bool {
	if s.status&bit == 0 {
		return false
	}
	s.status &^= bit
	s.deliver()
	return true
}

// act takes an action on an envelope or message and returns how many envelopes it
// changed.
func (s *Server) act(t protocol.Type, id uint64) int {
	n := s.queue.each(id, func(e *Envelope) bool {
		suspended := e.suspended()
		switch t {
		case protocol.TypePauseEnvelope:
			e.Flags |= protocol.FlagSuspend
			e.Flags &^= protocol.FlagHold
			return !suspended
		case protocol.TypeResumeEnvelope:
			if suspended && e.twice {
				// The envelope is queued for delivery a second time. An envelope that
				// was due when it was suspended has left that list, and scheduling it
				// does no harm.
				s.crashed = true
			}
			e.Flags &^= protocol.FlagSuspend
			return suspended
		case protocol.TypeSchedule:
			if e.inflight() {
				return false
			}
			if suspended {
				e.twice = true
			} else if e.scheduled {
				// The envelope is in the list of envelopes to deliver already, and a
				// second entry corrupts the list.
				s.crashed = true
			}
			e.scheduled = true
			e.Time = time.Now().Unix()
			e.Flags &^= protocol.FlagHold
			return true
		default:
			// An envelope in flight is only hidden; it is dropped when its attempt
			// ends.
			s.world.d.Removed++
			s.world.d.Dequeued++
			s.queue.remove(e)
			s.files.remove(e.ID)
			return true
		}
	})
	s.queue.sweep()
	return n
}

// discover loads envelope files that are on disk but not in the queue.
func (s *Server) discover(id uint64) uint64 {
	n := uint64(0)
	for _, e := range s.files.discover(id) {
		if i, known := s.queue.find(e); known && !s.queue.all[i].removed {
			continue
		}
		s.queue.add(Envelope{ID: e, Flags: protocol.FlagPending, Time: time.Now().Unix(), Text: s.files.text(e)})
		s.world.d.Enqueued++
		n++
	}
	return n
}

// deliver delivers the scheduled envelopes, unless relaying is paused.
func (s *Server) deliver() {
	if s.status&mtaPaused != 0 || s.cfg.Moving {
		return
	}
	for i := range s.queue.all {
		if e := &s.queue.all[i]; e.scheduled && !e.removed {
			s.done(e)
		}
	}
}

func (s *Server) block(f protocol.Frame) bool {
	if len(f.Payload) <= s.layout.SockaddrSize {
		return false
	}
	ss := f.Payload[:s.layout.SockaddrSize]
	domain, _, whole := bytes.Cut(f.Payload[s.layout.SockaddrSize:], []byte{0})
	if !whole {
		return false
	}
	family := int(s.layout.Order.Uint16(ss))
	if s.layout.BSDSockaddr {
		family = int(ss[1])
	}
	addr := netip.AddrFrom4([4]byte(ss[4:8])).String()
	if family == s.layout.FamilyINET6 {
		addr = fmt.Sprintf("[%v]", netip.AddrFrom16([16]byte(ss[8:24])))
	}
	line := fmt.Sprintf("%s -> %s", addr, domain)
	i := slices.Index(s.blocks, line)
	switch {
	case f.Type == protocol.TypeBlock && i < 0:
		s.blocks = append(s.blocks, line)
	case f.Type == protocol.TypeUnblock && i >= 0:
		s.blocks = slices.Delete(s.blocks, i, i+1)
	}
	return true
}

// listed returns the payload of LIST_ENVELOPES for one envelope.
func (s *Server) listed(e *Envelope) []byte {
	p := putUint(s.layout, nil, uint64(e.Flags), 4)
	p = putUint(s.layout, p, uint64(e.Time), s.layout.Time)
	p = putUint(s.layout, p, uint64(e.ID), 8)
	p = append(p, 's')
	p = append(p, s.queue.text(e)...)
	return append(p, 0)
}

func (s *Server) digest() []byte {
	l := s.layout
	d := s.world.d
	p := putUint(l, nil, uint64(d.Startup), l.Time)
	p = putUint(l, p, uint64(time.Now().Unix()), l.Time)
	for _, v := range []uint64{d.Connects, d.Disconnects, d.Enqueued, d.Dequeued, d.Expired, d.Removed, d.Bounces,
		d.Delivered, d.PermanentFailures, d.TemporaryFailures, d.Loops} {
		p = putUint(l, p, v, l.Word)
	}
	for l.Time == 8 && len(p)%l.Align64 != 0 {
		p = append(p, 0)
	}
	return p
}

// stat answers one step of the walk through the statistics. The position is kept in a
// pointer that means nothing to the client.
func (s *Server) stat(p []byte) []byte {
	l := s.layout
	d := &s.world.d
	counter := func(n uint64) func() int64 { return func() int64 { return int64(n) } }
	stats := []struct {
		key   string
		kind  uint32
		value func() int64
	}{
		{"control.session", 0, counter(uint64(len(s.conns)))},
		{"scheduler.delivery.ok", 0, counter(d.Delivered)},
		{"scheduler.delivery.permfail", 0, counter(d.PermanentFailures)},
		{"scheduler.delivery.tempfail", 0, counter(d.TemporaryFailures)},
		{"scheduler.envelope", 0, counter(uint64(s.queue.live))},
		{"scheduler.envelope.inflight", 0, func() int64 { return int64(s.queue.count((*Envelope).inflight)) }},
		{"scheduler.ramqueue.envelope", 0, counter(uint64(s.queue.live))},
		{"scheduler.ramqueue.message", 0, func() int64 { return int64(s.queue.countMessages()) }},
		{"smtp.session", 0, counter(d.Connects - d.Disconnects)},
		{"uptime", 1, counter(uint64(d.Startup))},
	}
	const base = 0x5ead0000
	iter := int(getUint(l, p, l.Word))
	if iter != 0 {
		iter = iter - base + 1
	}
	out := make([]byte, len(p))
	if iter < 0 || iter >= len(stats) {
		return out
	}
	st := stats[iter]
	copy(out, putUint(l, nil, uint64(base+iter), l.Word))
	copy(out[l.Word:], st.key)
	align := 4
	if l.Word == 8 || l.Time == 8 {
		align = l.Align64
	}
	at := (l.Word + 1024 + align - 1) / align * align
	size := l.Word
	if st.kind == 1 {
		size = l.Time
	}
	copy(out[at:], putUint(l, nil, uint64(st.kind), 4))
	copy(out[at+align:], putUint(l, nil, uint64(st.value()), size))
	return out
}

// putUint appends the low n bytes of v.
func putUint(l protocol.Layout, p []byte, v uint64, n int) []byte {
	var b [8]byte
	switch n {
	case 4:
		l.Order.PutUint32(b[:], uint32(v))
	case 8:
		l.Order.PutUint64(b[:], v)
	}
	return append(p, b[:n]...)
}

// getUint reads n bytes.
func getUint(l protocol.Layout, p []byte, n int) uint64 {
	if n == 4 {
		return uint64(l.Order.Uint32(p))
	}
	return l.Order.Uint64(p)
}
