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

// answer returns the frames that answer a request; none if smtpd would not
// answer. s.mu is held.
func (s *Server) answer(f protocol.Frame) []protocol.Frame {
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
	if s.cfg.Denied {
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
		for _, m := range s.queue.messages(protocol.MsgID(u32()), s.cfg.MsgBatch) {
			p = putUint(l, p, uint64(m), 4)
		}
		return reply(f.Type, p)
	case protocol.TypeListEnvelopes:
		if !want(8) {
			return fail
		}
		var out []protocol.Frame
		for _, e := range s.queue.batch(protocol.EvpID(u64()), s.cfg.EvpBatch) {
			out = append(out, protocol.Frame{Type: f.Type, Payload: s.listed(e)})
		}
		return append(out, protocol.Frame{Type: f.Type})
	case protocol.TypeShowHosts, protocol.TypeShowRelays, protocol.TypeShowRoutes, protocol.TypeShowHostStats, protocol.TypeShowBlock:
		lines := s.lines[f.Type]
		if f.Type == protocol.TypeShowBlock {
			lines = s.blocks
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
		return ok
	case protocol.TypeShowStatus:
		return reply(f.Type, putUint(l, nil, uint64(s.status), 4))
	case protocol.TypeTraceEnable, protocol.TypeTraceDisable, protocol.TypeProfileEnable, protocol.TypeProfileDisable, protocol.TypeVerbose:
		return result(want(4))
	case protocol.TypeUpdateTable:
		name, _, whole := strings.Cut(string(f.Payload), "\x00")
		return result(whole && s.table(name))
	case protocol.TypeDiscoverEnvelope, protocol.TypeDiscoverMessage:
		return reply(f.Type, putUint(l, nil, 0, l.Word))
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

// act does something to an envelope or message and returns to how many.
func (s *Server) act(t protocol.Type, id uint64) int {
	n := s.queue.each(id, func(e *Envelope) bool {
		if e.removed {
			return false
		}
		suspended := e.Flags&protocol.FlagSuspend != 0
		inflight := e.Flags&protocol.FlagInflight != 0
		switch t {
		case protocol.TypePauseEnvelope:
			e.Flags |= protocol.FlagSuspend
			e.Flags &^= protocol.FlagHold
			return !suspended
		case protocol.TypeResumeEnvelope:
			if suspended && e.scheduled {
				// It is queued for delivery a second time.
				s.crashed = true
			}
			e.Flags &^= protocol.FlagSuspend
			return suspended
		case protocol.TypeSchedule:
			if inflight {
				return false
			}
			e.scheduled = true
			e.Time = time.Now().Unix()
			e.Flags &^= protocol.FlagHold
			return true
		default:
			s.removed++
			e.removed = true
			return true
		}
	})
	if t == protocol.TypeRemove {
		if id > 0xffffffff {
			if i, found := s.queue.find(protocol.EvpID(id)); found && s.queue.all[i].Flags&protocol.FlagInflight == 0 {
				s.queue.all = slices.Delete(s.queue.all, i, i+1)
			}
		} else {
			s.queue.drop(func(e *Envelope) bool { return e.removed && e.Flags&protocol.FlagInflight == 0 })
		}
	}
	return n
}

// deliver sends what is scheduled, once relaying is no longer paused.
func (s *Server) deliver() {
	if s.status&mtaPaused != 0 {
		return
	}
	s.queue.drop(func(e *Envelope) bool { return e.scheduled })
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
	p := putUint(l, nil, uint64(s.started), l.Time)
	p = putUint(l, p, uint64(time.Now().Unix()), l.Time)
	n := uint64(s.queue.count())
	for _, v := range []uint64{0, 0, n + s.removed, s.removed, 0, s.removed, 0, 0, 0, 0, 0} {
		p = putUint(l, p, v, l.Word)
	}
	for l.Time == 8 && len(p)%l.Align64 != 0 {
		p = append(p, 0)
	}
	return p
}

// stat answers one step of the walk through the statistics. The place is kept
// in a pointer that means nothing to the client.
func (s *Server) stat(p []byte) []byte {
	l := s.layout
	stats := []struct {
		key   string
		kind  uint32
		value int64
	}{
		{"control.session", 0, int64(len(s.conns))},
		{"scheduler.envelope", 0, int64(s.queue.count())},
		{"uptime", 1, s.started},
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
	copy(out[at+align:], putUint(l, nil, uint64(st.value), size))
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
