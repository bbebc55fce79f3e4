// Package smtpdsim simulates smtpd on a real Unix socket, as far as the control
// protocol shows its behaviour.
package smtpdsim

import (
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
)

// Limits of a real smtpd.
const (
	maxConnections  = 32
	defaultMsgBatch = 1024
	defaultEvpBatch = 256
)

// A Config says what to simulate. A zero field stands for the value of a real smtpd.
type Config struct {
	Seed     uint64
	Messages int  // made up
	Mixed    bool // of all kinds, not just pending ones of one recipient
	MsgBatch int  // most ids in one answer to LIST_MESSAGES
	EvpBatch int  // most envelopes in one answer to LIST_ENVELOPES
	Layout   protocol.Layout
	Tables   []string // names that update table takes
	Denied   bool     // answers as to one who is not root
	Version  uint32   // of the protocol, if not the client's
	Spool    string   // folder for the files of the queue; none are written if empty
	Moving   bool     // mail comes and goes
	// Fault, if set, wraps each connection in order to damage what goes over it.
	Fault func(net.Conn) net.Conn
	// Tamper, if set, is called for each connection. The function that it returns
	// changes the frames of that connection: n counts the frames, raw may be modified,
	// and the result is sent instead.
	Tamper func() func(n int, raw []byte) []byte
}

// A Server is a simulated smtpd.
type Server struct {
	cfg    Config
	layout protocol.Layout
	ln     net.Listener
	wg     sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool
	sessions int // ever accepted
	most     int // open at the same time
	queue    *queue
	status   uint32
	blocks   []string
	world    *world
	files    *files
	crashed  bool
	stop     chan struct{}
	requests map[protocol.Type]int
}

// Start listens at path, which must be short enough for a Unix socket.
func Start(path string, cfg Config) (*Server, error) {
	if cfg.MsgBatch == 0 {
		cfg.MsgBatch = defaultMsgBatch
	}
	if cfg.EvpBatch == 0 {
		cfg.EvpBatch = defaultEvpBatch
	}
	if cfg.Layout.Order == nil {
		cfg.Layout = protocol.HostLayout()
	}
	if cfg.Version == 0 {
		cfg.Version = protocol.Version
	}
	now := time.Now().Unix()
	q := newQueue(cfg.Messages, cfg.Seed, now, cfg.Mixed)
	files, err := newFiles(cfg.Spool, q)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, layout: cfg.Layout, ln: ln,
		conns:    map[net.Conn]bool{},
		queue:    q,
		files:    files,
		world:    newWorld(cfg.Seed, now),
		stop:     make(chan struct{}),
		requests: map[protocol.Type]int{},
	}
	s.world.d.Enqueued = uint64(q.live)
	if cfg.Moving {
		s.wg.Go(s.move)
	}
	s.wg.Add(1)
	go s.accept()
	return s, nil
}

// Close ends the server and its connections, and removes the socket.
func (s *Server) Close() {
	s.mu.Lock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.mu.Unlock()
	s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

// move lets time pass in the simulated world.
func (s *Server) move() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case t := <-tick.C:
			s.mu.Lock()
			s.tick(t.Unix())
			s.mu.Unlock()
		case <-s.stop:
			return
		}
	}
}

// Path returns the path of the socket.
func (s *Server) Path() string { return s.ln.Addr().String() }

// Add puts envelopes into the queue.
func (s *Server) Add(es ...Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range es {
		s.queue.add(e)
		s.files.write(s.queue, &e)
		s.world.d.Enqueued++
	}
}

// Envelopes returns a copy of the queue.
func (s *Server) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Envelope
	for _, e := range s.queue.all {
		if !e.removed {
			out = append(out, e)
		}
	}
	return out
}

// Crashed reports whether a client has sent a sequence of requests at which a real
// smtpd exits.
func (s *Server) Crashed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crashed
}

// Requests returns how many requests of a type have arrived.
func (s *Server) Requests(t protocol.Type) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[t]
}

// Types returns the types of the requests that have arrived, in the order of their
// numbers.
func (s *Server) Types() []protocol.Type {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.requests))
}

// Sessions returns how many connections have been accepted.
func (s *Server) Sessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}

// MostSessions returns how many connections have been open at the same time.
func (s *Server) MostSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func (s *Server) accept() {
	defer s.wg.Done()
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		select {
		case <-s.stop: // Close has closed those that it found
			s.mu.Unlock()
			c.Close()
			continue
		default:
		}
		full := len(s.conns) >= maxConnections
		if !full {
			s.conns[c] = true
			s.sessions++
			s.most = max(s.most, len(s.conns))
		}
		s.mu.Unlock()
		if full {
			c.Close()
			continue
		}
		s.wg.Add(1)
		go s.serve(c)
	}
}

func (s *Server) serve(raw net.Conn) {
	defer s.wg.Done()
	defer func() {
		raw.Close()
		s.mu.Lock()
		delete(s.conns, raw)
		s.mu.Unlock()
	}()
	c := raw
	if s.cfg.Fault != nil {
		c = s.cfg.Fault(raw)
	}
	// As in smtpd, what the client does not read is buffered without bound.
	out := newOutbox(c)
	defer out.close()
	tamper := func(_ int, raw []byte) []byte { return raw }
	if s.cfg.Tamper != nil {
		tamper = s.cfg.Tamper()
	}
	n := 0
	denied := s.cfg.Denied || !mayCommand(raw)
	r := protocol.NewFrameReader(c, s.layout)
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.requests[f.Type]++
		if f.Type == protocol.TypeSMTPSession {
			refused := denied || s.status&smtpPaused != 0
			s.mu.Unlock()
			if s.handOver(raw, c, refused) != nil {
				return
			}
			continue
		}
		frames := s.answer(f, denied)
		crashed := s.crashed
		s.mu.Unlock()
		if crashed {
			s.die()
			return
		}
		for _, f := range frames {
			b, err := s.layout.AppendFrame(nil, f)
			if err != nil {
				return
			}
			out.write(tamper(n, b))
			n++
		}
	}
}

// die behaves as a crashing smtpd: the socket stays, and nobody answers.
func (s *Server) die() {
	s.ln.(*net.UnixListener).SetUnlinkOnClose(false)
	s.ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// An outbox writes to a connection in the background.
type outbox struct {
	mu     sync.Mutex
	cond   *sync.Cond
	buf    []byte
	closed bool
	done   chan struct{}
}

func newOutbox(w io.Writer) *outbox {
	o := &outbox{done: make(chan struct{})}
	o.cond = sync.NewCond(&o.mu)
	go func() {
		defer close(o.done)
		for {
			o.mu.Lock()
			for len(o.buf) == 0 && !o.closed {
				o.cond.Wait()
			}
			b := o.buf
			o.buf = nil
			closed := o.closed
			o.mu.Unlock()
			if len(b) > 0 {
				if _, err := w.Write(b); err != nil {
					return
				}
			} else if closed {
				return
			}
		}
	}()
	return o
}

func (o *outbox) write(b []byte) {
	o.mu.Lock()
	o.buf = append(o.buf, b...)
	o.mu.Unlock()
	o.cond.Signal()
}

func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.cond.Signal()
	select {
	case <-o.done:
	case <-time.After(time.Second):
	}
}

// TempSocket returns a path for a socket in a new folder, and a function that removes
// the folder. The path is short enough on every system.
func TempSocket() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp(ShortTemp(59), "smtpd")
	if err != nil {
		return "", nil, err
	}
	return filepath.Join(dir, "sock"), func() { os.RemoveAll(dir) }, nil
}

// ShortTemp returns the folder for temporary files if its path has at most so many bytes,
// otherwise /tmp: the path of a socket may have about a hundred.
func ShortTemp(most int) string {
	if dir := os.TempDir(); len(dir) <= most {
		return dir
	}
	return "/tmp"
}

// table reports whether update table accepts a name.
func (s *Server) table(name string) bool {
	for _, t := range s.cfg.Tables {
		if strings.EqualFold(t, name) {
			return true
		}
	}
	return false
}
