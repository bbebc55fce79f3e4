package protocol

import "time"

// Numbers of a pace.
const (
	// quietWindow is how many requests may be in flight, and quietEnvelopes how
	// many envelopes awaited, from an smtpd that has nothing else to do. More
	// make it no faster.
	quietWindow    = 128
	quietEnvelopes = 1024
	// busyWindow is how many envelopes may be awaited while mail comes or goes. smtpd's queue
	// process takes some 50 µs for each, and mail waits for those asked before.
	busyWindow = 10
	// leastWindow is how many requests may always be in flight: with one only,
	// smtpd would rest between two of them.
	leastWindow = 2
	// byteWindow is how many bytes may be awaited. smtpd buffers them all if
	// they are not read.
	byteWindow = 1 << 20
	// slowAnswer is how long an answer may take before less is asked for at a
	// time: smtpd is slow then, or who reads the listing is.
	slowAnswer = 60 * time.Millisecond
	// lookEvery is how often smtpd's counters are read, lookFirst after how long
	// for the first time.
	lookEvery = 20 * time.Millisecond
	lookFirst = 5 * time.Millisecond
	// busyFor is how long smtpd counts as busy after a counter has changed.
	busyFor = time.Second
)

// A pace decides how many requests of a listing may be in flight, so that smtpd
// is never idle meanwhile but its mail need not wait for long either.
type pace struct {
	fixed int // what the user wants; 0 to adapt

	limit     float64 // requests in flight, by how long answers take
	envelopes float64 // in an answer: falls slowly, rises at once
	bytes     float64 // in an answer, likewise

	counters  Digest
	looked    time.Time // when the counters were asked for
	looks     int
	busyUntil time.Time
}

// window returns how many requests may be in flight now.
func (p *pace) window(now time.Time) int {
	if p.fixed > 0 {
		return p.fixed
	}
	if p.limit == 0 {
		p.limit = quietWindow
	}
	n, most := min(p.limit, quietWindow), float64(quietEnvelopes)
	if p.looks < 2 || now.Before(p.busyUntil) {
		most = busyWindow
	}
	n = min(n, most/max(p.envelopes, 1), byteWindow/max(p.bytes, 1))
	return max(int(n), leastWindow)
}

// answered takes notice of one answer: when it was asked for, and what it held.
func (p *pace) answered(now, asked time.Time, envelopes, bytes int) {
	p.envelopes = max(p.envelopes*0.99, float64(envelopes))
	p.bytes = max(p.bytes*0.99, float64(bytes))
	if p.limit == 0 {
		return
	}
	if now.Sub(asked) > slowAnswer {
		p.limit = max(p.limit*0.9, leastWindow)
	} else {
		p.limit = min(p.limit+0.5, quietWindow)
	}
}

// look reports whether it is time to read the counters again.
func (p *pace) look(now time.Time) bool {
	if p.looked.IsZero() {
		p.looked = now.Add(lookFirst - lookEvery) // a short listing needs none
	}
	if p.fixed > 0 || now.Sub(p.looked) < lookEvery {
		return false
	}
	p.looked = now
	return true
}

// saw takes notice of the counters.
func (p *pace) saw(now time.Time, d Digest) {
	d.Timestamp, d.Dequeued, d.Removed = 0, 0, 0 // the latter may be this program's work
	if p.looks > 0 && d != p.counters {
		p.busyUntil = now.Add(busyFor)
	}
	p.counters = d
	p.looks++
}
