package browse

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A row is a cached envelope.
type row struct {
	e    protocol.Envelope
	at   time.Time
	gone bool // the envelope was not in the queue when smtpd was asked last
}

// A job is a task for a source other than listing. It reports whether it may have changed
// the queue.
type job func(ctx context.Context) (changed bool)

// A source does everything that needs the smtpd of one machine, one task after the other, over
// one connection. It interrupts a listing for any other task, and continues the listing
// afterwards.
type source struct {
	w    *worker
	n    int           // the number of the machine, from 0
	name string        // of the machine; "" if there is only one
	c    *command.Call // for the smtpd of the machine
	kick chan struct{} // holds a value when the source should look for tasks
	jobs chan job

	// The lock of the worker guards the fields up to failed.
	again   bool // the wish is to be listed again
	list    *listing
	need    []protocol.EnvelopeID // the envelopes that are on the screen
	cache   map[protocol.EnvelopeID]*row
	trouble string // why smtpd does not answer, "" if it does
	failed  string // why the list is not complete, "" if it is

	progress progress
	way      way
	right    *command.Right // to work at the same time as others; nil for one machine
}

// of makes a call one for the machine of the source: with the paths that the settings have for
// it, and without the ids of others.
func (s *source) of(c *command.Call) *command.Call {
	one := *c
	if s.name != "" {
		_ = c.OnHost(context.Background(), c, s.name, func(_ context.Context, c *command.Call) error {
			one = *c
			return nil
		})
	}
	return &one
}

// wants reports whether a task other than the current listing is waiting.
func (s *source) wants() bool { return len(s.kick) > 0 || len(s.jobs) > 0 }

// run carries out tasks until ctx ends. It recovers from a panic, which panicked raises again.
func (s *source) run(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			s.w.mu.Lock()
			s.w.crash, s.w.trace = p, debug.Stack()
			s.w.mu.Unlock()
			poke(s.w.changed)
		}
	}()
	var p *pass
	for ctx.Err() == nil {
		select {
		case j := <-s.jobs:
			if s.carryOut(ctx, j) {
				p = nil
			}
			continue
		case <-s.kick:
		default:
		}
		var again bool
		if p, again = s.work(ctx, p); again {
			continue
		}
		if s.lost() {
			p = nil
			s.sleep(ctx, retryEvery)
		} else if p == nil {
			s.sleep(ctx, freshFor/2)
		}
	}
}

// work fetches what is on the screen and continues a listing. It returns the pass to continue,
// nil if there is none, and whether there may be more to do at once.
func (s *source) work(ctx context.Context, p *pass) (_ *pass, again bool) {
	if !s.begin(ctx) {
		return nil, false
	}
	defer s.leave()
	s.fetch(ctx)
	if p = s.next(ctx, p); p == nil {
		return nil, false
	}
	if s.step(ctx, p) {
		p = nil
	}
	return p, !s.lost()
}

// sleep waits for at most d until a task arrives. It carries out a job itself.
func (s *source) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.kick:
		poke(s.kick)
	case j := <-s.jobs:
		s.carryOut(ctx, j)
	}
}

// carryOut carries out a job, and reports whether the queue is to be listed again.
func (s *source) carryOut(ctx context.Context, j job) bool {
	changed := j(ctx)
	if changed {
		s.reload()
	}
	poke(s.w.changed)
	return changed
}

// reload makes the source list the same wish again and drops all cached envelopes. It returns
// at once.
func (s *source) reload() {
	s.w.mu.Lock()
	s.again = true
	s.cache = map[protocol.EnvelopeID]*row{}
	s.w.mu.Unlock()
	poke(s.kick)
}

// lost reports whether smtpd does not answer.
func (s *source) lost() bool {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.trouble != ""
}

// note records the error of a request to smtpd, or that a request succeeded if err is nil.
func (s *source) note(err error) {
	s.w.mu.Lock()
	was := s.trouble
	switch {
	case err == nil:
		s.trouble = ""
	case errors.Is(err, protocol.ErrNotRunning):
		s.trouble = "smtpd is not running"
	case errors.Is(err, protocol.ErrHangup):
		s.trouble = "smtpd has closed the connection"
	default:
		s.trouble = s.says(err, command.ArgBytes*2)
	}
	if was != "" && s.trouble == "" {
		s.again = true // smtpd may have been restarted
	}
	changed := was != s.trouble
	if changed {
		s.w.compose()
	}
	s.w.mu.Unlock()
	if changed {
		poke(s.w.changed)
	}
}

// says returns the text of an error, of at most so many bytes, without the name of the machine,
// which is shown before it where there are several.
func (s *source) says(err error, most int) string {
	text := err.Error()
	if s.name != "" {
		text = strings.TrimPrefix(text, s.name+": ")
	}
	return render.Safe(render.Bound(text, most))
}

// keep puts an envelope into the cache. If the cache is full, it drops all envelopes that are
// not on the screen. The caller holds the lock.
func (s *source) keep(e *protocol.Envelope) {
	if len(s.cache) >= max(maxCached/len(s.w.sources), minCached)+len(s.need) {
		kept := make(map[protocol.EnvelopeID]*row, len(s.need))
		for _, id := range s.need {
			if r := s.cache[id]; r != nil {
				kept[id] = r
			}
		}
		s.cache = kept
	}
	s.cache[e.ID] = &row{e: *e, at: time.Now()}
}

// fetch asks smtpd for the envelopes on the screen that are not cached or were cached longer
// than freshFor ago. If smtpd did not answer before, fetch tries to reach it again.
func (s *source) fetch(ctx context.Context) {
	s.w.mu.Lock()
	var old []protocol.EnvelopeID
	for _, id := range s.need {
		if r := s.cache[id]; r == nil || time.Since(r.at) > freshFor {
			old = append(old, id)
		}
	}
	lost := s.trouble != ""
	s.w.mu.Unlock()
	if len(old) == 0 && !lost {
		return
	}
	slices.Sort(old)
	conn, err := s.c.Conn(ctx)
	if err == nil {
		err = s.look(ctx, conn, slices.Compact(old))
	}
	if ctx.Err() == nil {
		s.note(err)
	}
	poke(s.w.changed)
}

// look asks smtpd for envelopes, whose ids must ascend, and caches the answers. It asks for
// all of them at once, since the connection may have a long round trip.
func (s *source) look(ctx context.Context, conn *protocol.Conn, ids []protocol.EnvelopeID) error {
	found := make(map[protocol.EnvelopeID]bool, len(ids))
	for e, err := range conn.Find(ctx, ids) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return err
		}
		s.heard(ctx)
		found[e.ID] = true
		s.w.mu.Lock()
		s.keep(e)
		s.w.mu.Unlock()
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, id := range ids {
		if found[id] {
			continue
		}
		gone := &protocol.Envelope{ID: id}
		if r := s.cache[id]; r != nil {
			gone = &r.e
		}
		s.keep(gone)
		s.cache[id].gone = true
	}
	return nil
}

// do hands a job to the source without waiting. It returns false, and drops the job, if four
// jobs are waiting already.
func (s *source) do(j job) bool {
	select {
	case s.jobs <- j:
		return true
	default:
		return false
	}
}
