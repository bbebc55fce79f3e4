package protocol

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
)

// A Subsystem is a part of smtpd that can be paused.
type Subsystem int

// The subsystems, in the order in which show status lists them.
const (
	MDA  Subsystem = iota // deliveries to local users
	MTA                   // relaying to other hosts
	SMTP                  // incoming sessions
)

// Subsystems lists all subsystems.
var Subsystems = [...]Subsystem{MDA, MTA, SMTP}

var subsystems = [...]struct {
	name          string
	flag          uint32 // its bit in the answer to SHOW_STATUS, from smtpd.h
	pause, resume Type
}{
	MDA:  {"MDA", 2, TypePauseMDA, TypeResumeMDA},
	MTA:  {"MTA", 4, TypePauseMTA, TypeResumeMTA},
	SMTP: {"SMTP", 8, TypePauseSMTP, TypeResumeSMTP},
}

// String returns MDA, MTA or SMTP.
func (s Subsystem) String() string { return subsystems[s].name }

// A Status says which subsystems are paused. It is a value and does not change.
type Status struct{ flags uint32 }

// Paused reports whether s is paused.
func (st Status) Paused(s Subsystem) bool { return st.flags&subsystems[s].flag != 0 }

// Status asks which subsystems are paused.
func (c *Conn) Status(ctx context.Context) (st Status, err error) {
	err = c.call(ctx, "show status", TypeShowStatus, nil, func(p []byte) error {
		if len(p) != 4 {
			return c.badSize(TypeShowStatus, len(p), 4)
		}
		st.flags = c.layout.Order.Uint32(p)
		return nil
	})
	return st, err
}

// Pause pauses a subsystem. ErrRefused means that it is paused already.
func (c *Conn) Pause(ctx context.Context, s Subsystem) error {
	return c.do(ctx, "pause "+strings.ToLower(s.String()), subsystems[s].pause, nil)
}

// Resume resumes a subsystem. ErrRefused means that it was not paused.
func (c *Conn) Resume(ctx context.Context, s Subsystem) error {
	return c.do(ctx, "resume "+strings.ToLower(s.String()), subsystems[s].resume, nil)
}

// do sends a request that changes something, and that smtpd answers with OK or FAIL.
func (c *Conn) do(ctx context.Context, op string, t Type, payload []byte) error {
	return c.change(ctx, op, t, payload, nil)
}

// ErrAllRoutes is returned by ResumeRoute for the id 0, which is never sent.
var ErrAllRoutes = errors.New("smtpd crashes when told to enable all routes at once: name one route")

// ResumeRoute enables a disabled route. smtpd answers OK even if there is no route with
// this id.
//
// Danger: for the id 0 smtpd would enable all routes, and free routes while it walks
// over them (mta.c, IMSG_CTL_RESUME_ROUTE). Where nothing else refers to a disabled
// route, which is so once its mail has failed, smtpd dies (seen on 7.9.0p0).
// ResumeRoute therefore returns ErrAllRoutes for 0.
func (c *Conn) ResumeRoute(ctx context.Context, id uint64) error {
	if id == 0 {
		return ErrAllRoutes
	}
	return c.do(ctx, "resume route", TypeResumeRoute, c.layout.appendUint64(nil, id))
}

// Verbose turns smtpd's debug logging on or off.
func (c *Conn) Verbose(ctx context.Context, on bool) error {
	var v uint32
	if on {
		v = 1 // TRACE_DEBUG
	}
	return c.do(ctx, "log", TypeVerbose, c.layout.appendUint32(nil, v))
}

// Trace turns tracing of the subsystems whose TraceBits are set in bits on or off.
func (c *Conn) Trace(ctx context.Context, bits uint32, on bool) error {
	if on {
		return c.do(ctx, "trace", TypeTraceEnable, c.layout.appendUint32(nil, bits))
	}
	return c.do(ctx, "untrace", TypeTraceDisable, c.layout.appendUint32(nil, bits))
}

// Profile turns profiling of the subsystems whose ProfileBits are set in bits on or
// off.
func (c *Conn) Profile(ctx context.Context, bits uint32, on bool) error {
	if on {
		return c.do(ctx, "profile", TypeProfileEnable, c.layout.appendUint32(nil, bits))
	}
	return c.do(ctx, "unprofile", TypeProfileDisable, c.layout.appendUint32(nil, bits))
}

// A Bit is a named bit of a trace or profile mask.
type Bit struct {
	Name string
	Mask uint32
	Doc  string
}

// TraceBits are the subsystems that can be traced: TRACE_* of smtpd.h.
var TraceBits = []Bit{
	{"imsg", 0x2, "messages between smtpd's processes"},
	{"io", 0x4, "buffered network input and output"},
	{"smtp", 0x8, "incoming sessions"},
	{"filters", 0x10, "filters"},
	{"mta", 0x20, "outgoing sessions"},
	{"bounce", 0x40, "bounces"},
	{"scheduler", 0x80, "the scheduler"},
	{"lookup", 0x100, "user and credentials lookups"},
	{"stat", 0x200, "statistics"},
	{"rules", 0x400, "rules matched by incoming sessions"},
	{"mproc", 0x800, "the transport between smtpd's processes"},
	{"expand", 0x1000, "aliases, virtual and forward expansion"},
	{"tables", 0x2000, "tables"},
	{"queue", 0x4000, "the queue"},
	{"all", 0xfffffffe, "everything but debug logging"},
}

// ProfileBits are the subsystems that can be profiled: PROFILE_* of smtpd.h.
var ProfileBits = []Bit{
	{"imsg", 0x2, "cost of event handlers"},
	{"queue", 0x4, "cost of queue input and output"},
}

// maxTableName is the length, including the NUL, of the longest table name that smtpd
// accepts.
const maxTableName = 2048

// UpdateTable makes smtpd reload a table. ErrRefused means that smtpd has no such
// table, or cannot reload it.
func (c *Conn) UpdateTable(ctx context.Context, name string) error {
	const op = "update table"
	if err := checkString("table name", name, maxTableName-1); err != nil {
		return &OpError{op, err}
	}
	return c.do(ctx, op, TypeUpdateTable, append([]byte(name), 0))
}

// checkString refuses text that smtpd would not receive unchanged.
func checkString(what, s string, most int) error {
	switch {
	case s == "":
		return fmt.Errorf("%s: must not be empty", what)
	case strings.IndexByte(s, 0) >= 0:
		return fmt.Errorf("%s %q: must not contain a NUL", what, s)
	case len(s) > most:
		return fmt.Errorf("%s of %d bytes: expected at most %d", what, len(s), most)
	}
	return nil
}

// maxDomain is the length of the longest domain that smtpd's mta can pause.
const maxDomain = 255

// PauseMTAFor stops relaying from a source address to a domain, as the command "pause
// mta from" does. smtpd answers OK for any address and domain.
func (c *Conn) PauseMTAFor(ctx context.Context, src netip.Addr, domain string) error {
	return c.sendBlock(ctx, "pause mta", TypeBlock, src, domain)
}

// ResumeMTAFor takes back a PauseMTAFor. smtpd also answers OK if relaying was not
// paused.
func (c *Conn) ResumeMTAFor(ctx context.Context, src netip.Addr, domain string) error {
	return c.sendBlock(ctx, "resume mta", TypeUnblock, src, domain)
}

func (c *Conn) sendBlock(ctx context.Context, op string, t Type, src netip.Addr, domain string) error {
	if err := checkString("domain", domain, maxDomain); err != nil {
		return &OpError{op, err}
	}
	if !src.IsValid() {
		return &OpError{op, fmt.Errorf("source address: expected an IPv4 or IPv6 address")}
	}
	p := c.layout.AppendSockaddr(nil, src)
	p = append(p, domain...)
	return c.do(ctx, op, t, append(p, 0))
}

// AppendSockaddr appends the struct sockaddr_storage for addr with port 0. The address
// is in network byte order.
func (l Layout) AppendSockaddr(dst []byte, addr netip.Addr) []byte {
	ss := make([]byte, l.SockaddrSize)
	family, size := 2, 16
	if addr.Is6() && !addr.Is4In6() {
		family, size = l.FamilyINET6, 28
	}
	if l.BSDSockaddr {
		ss[0], ss[1] = byte(size), byte(family)
	} else {
		l.Order.PutUint16(ss, uint16(family))
	}
	if size == 16 {
		a := addr.Unmap().As4()
		copy(ss[4:], a[:])
	} else {
		a := addr.As16()
		copy(ss[8:], a[:])
	}
	return append(dst, ss...)
}

// DiscoverEnvelope makes smtpd load an envelope file that was put into the queue by
// hand, and returns how many envelopes smtpd found: 0 or 1.
func (c *Conn) DiscoverEnvelope(ctx context.Context, id EnvelopeID) (uint64, error) {
	if !id.Valid() {
		return 0, &OpError{"discover", fmt.Errorf("envelope id %v: the first 8 digits are all zero", id)}
	}
	return c.discover(ctx, TypeDiscoverEnvelope, c.layout.appendUint64(nil, uint64(id)))
}

// DiscoverMessage makes smtpd load all envelope files of a message that were put into
// the queue by hand, and returns how many smtpd found.
func (c *Conn) DiscoverMessage(ctx context.Context, id MessageID) (uint64, error) {
	if id == 0 {
		return 0, &OpError{"discover", fmt.Errorf("message id %v: zero is not an id", id)}
	}
	return c.discover(ctx, TypeDiscoverMessage, c.layout.appendUint32(nil, uint32(id)))
}

// DiscoverMessages is DiscoverMessage for several messages, with a window of requests in
// flight, and calls result for each message whose answer has come, in the order of ids. If an
// error ends it early, the next unconfirmed messages had been asked for as well, and smtpd may
// have loaded them. A refusal of smtpd is such an error.
func (c *Conn) DiscoverMessages(ctx context.Context, ids []MessageID, result func(id MessageID, n uint64)) (unconfirmed int, err error) {
	for _, id := range ids {
		if id == 0 {
			return 0, &OpError{"discover", fmt.Errorf("message id %v: zero is not an id", id)}
		}
	}
	t := TypeDiscoverMessage
	unconfirmed, err = c.several(ctx, "discover", t, ScheduleEnvelope, len(ids), func(i int) []byte { return c.layout.appendUint32(nil, uint32(ids[i])) },
		func(i int, p []byte, refused error) error {
			if refused != nil {
				return refused
			}
			n, err := c.discovered(t, p)
			if err == nil {
				result(ids[i], n)
			}
			return err
		})
	var op *OpError
	if unconfirmed > 0 && errors.As(err, &op) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrPermission) {
		op.Err = &UnansweredError{op.Err}
	}
	return unconfirmed, err
}

func (c *Conn) discover(ctx context.Context, t Type, payload []byte) (n uint64, err error) {
	err = c.change(ctx, "discover", t, payload, func(p []byte) error {
		n, err = c.discovered(t, p)
		return err
	})
	return n, err
}

// discovered reads how many envelopes smtpd has found.
func (c *Conn) discovered(t Type, p []byte) (uint64, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(p) != c.layout.Word {
		return 0, c.badSize(t, len(p), c.layout.Word)
	}
	n := c.layout.word(p)
	if n >= 1<<31 {
		// When smtpd cannot count the envelopes, it answers -1 in a size_t.
		return 0, &ProtocolError{Reason: fmt.Sprintf("%#x envelopes", n)}
	}
	return n, nil
}

// A Report is a listing that smtpd sends as lines of text.
type Report struct {
	Name string
	kind Type
}

// The reports of the mta.
var (
	Hosts        = Report{"show hosts", TypeShowHosts}
	Relays       = Report{"show relays", TypeShowRelays}
	Routes       = Report{"show routes", TypeShowRoutes}
	HostStats    = Report{"show hoststats", TypeShowHostStats}
	PausedRoutes = Report{"show mta paused", TypeShowBlock}
)

// MaxReport is the limit in bytes for the lines of one report: some 500,000 lines of
// smtpd's.
const MaxReport = 64 << 20

// Lines yields the lines of a report as smtpd sends them. The connection is reserved
// until the loop ends. An error ends the sequence; a report longer than MaxReport is an
// error.
func (c *Conn) Lines(ctx context.Context, r Report) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		fail := func(err error) { yield("", opError(ctx, r.Name, err)) }
		end, err := c.acquire(ctx)
		if err != nil {
			fail(err)
			return
		}
		defer end()
		if err := c.send(r.kind, nil); err != nil {
			fail(err)
			return
		}
		for left := MaxReport; ; {
			f, last, err := c.recv()
			if left -= len(f.Payload); err == nil && left < 0 {
				err = &ProtocolError{Reason: fmt.Sprintf("%v of more than %d bytes", f.Type, MaxReport)}
				c.fail(err)
				c.inFlight = c.inFlight[:0]
			}
			if err == nil && !last && f.Payload[len(f.Payload)-1] != 0 {
				err = &ProtocolError{Reason: fmt.Sprintf("%v text without its NUL", f.Type)}
				c.fail(err)
				c.inFlight = c.inFlight[:0]
			}
			if err != nil {
				fail(err)
				return
			}
			if ctx.Err() != nil {
				fail(ctx.Err())
				return
			}
			if last || !yield(cString(f.Payload), nil) {
				return
			}
		}
	}
}

// cString returns the text of p up to its first NUL.
func cString(p []byte) string {
	s := string(p)
	if i := strings.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return s
}
