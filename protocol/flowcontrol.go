package protocol

import (
	"cmp"
	"time"
)

// The limits of a flowControl.
const (
	// quietWindow is how many requests may be in flight, and quietEnvelopes how many
	// envelopes may be awaited, while smtpd has no other work. More would make a
	// listing no faster.
	quietWindow    = 128
	quietEnvelopes = 1024
	// busyWindow is how many envelopes may be awaited while mail arrives or leaves.
	// smtpd's queue process takes some 50 µs for each envelope, and mail waits for
	// those requested before it.
	busyWindow = 10
	// leastWindow is how many requests may always be in flight. With a single one,
	// smtpd would be idle between two requests.
	leastWindow = 2
	// byteWindow is how many bytes may be awaited. smtpd buffers all bytes that the
	// client does not read.
	byteWindow = 1 << 20
	// slowAnswer is the time of an answer above which the window shrinks: then smtpd is
	// slow, or the reader of the listing is.
	slowAnswer = 60 * time.Millisecond
	// perEnvelope is the least time that smtpd takes for an envelope, and busyPerEnvelope
	// the time that counts while mail arrives or leaves. The longer a round trip takes,
	// the more envelopes may be awaited: these are on their way, and not in smtpd.
	// bytesPerSecond is how many bytes are on their way likewise: as many as an ssh
	// connection carries that takes a tenth of a second there and back.
	perEnvelope     = 25 * time.Microsecond
	busyPerEnvelope = 200 * time.Microsecond
	bytesPerSecond  = 20 << 20
	// distantWindow is how many requests may be in flight at most, however long a round
	// trip takes.
	distantWindow = 8192
	// distantTrip is the round trip from which on smtpd is distant: then what is gained by
	// each round trip that is saved is more than what is lost by a question too many.
	distantTrip = time.Millisecond
	// sampleEvery is how often smtpd's counters are read; sampleFirst is how long after
	// the start they are read for the first time.
	sampleEvery = 20 * time.Millisecond
	sampleFirst = 5 * time.Millisecond
	// busyFor is how long smtpd counts as busy after a change of a counter.
	busyFor = time.Second
)

// A flowControl decides how many requests of a listing may be in flight, so that smtpd
// is never idle during the listing and its mail never waits for long.
type flowControl struct {
	fixed int           // the window that the user chose; 0 to adapt
	trip  time.Duration // the time of a round trip; 0 to an smtpd on the same machine
	slow  time.Duration // slowAnswer if 0; tests set it

	limit     float64   // requests in flight, by how long answers take
	shrunkAt  time.Time // when limit was made smaller last
	envelopes float64   // in an answer: falls slowly, rises at once
	bytes     float64   // in an answer, likewise

	counters   Digest
	sampledAt  time.Time // when the counters were requested last
	observedAt time.Time // when they came last
	samples    int
	busyUntil  time.Time
}

// window returns how many requests may be in flight now.
func (p *flowControl) window(now time.Time) int {
	if p.fixed > 0 {
		return p.fixed
	}
	if p.limit == 0 {
		p.limit = p.quiet()
	}
	n, most := min(p.limit, p.quiet()), quietEnvelopes+float64(p.trip/perEnvelope)
	if p.samples < 2 || now.Before(p.busyUntil) {
		most = busyWindow + float64(p.trip/busyPerEnvelope)
	}
	n = min(n, most/max(p.envelopes, 1), p.onWire(byteWindow)/max(p.bytes, 1))
	return max(int(n), leastWindow)
}

// distant reports whether round trips take long.
func (p *flowControl) distant() bool { return p.trip >= distantTrip }

// onWire returns a number of bytes with those added that are on their way.
func (p *flowControl) onWire(bytes float64) float64 { return bytes + bytesPerSecond*p.trip.Seconds() }

// holdLimit returns how many bytes may be buffered before no further message is requested
// until the first one is complete. This takes a round trip, during which others arrive.
func (p *flowControl) holdLimit() int { return int(p.onWire(byteWindow)) }

// quiet returns how many requests may be in flight while smtpd has no other work.
func (p *flowControl) quiet() float64 {
	return min(quietWindow+float64(p.trip/perEnvelope), distantWindow)
}

// onResponse records one answer: when it was requested, and how many envelopes and
// bytes it had.
func (p *flowControl) onResponse(now, asked time.Time, envelopes, bytes int) {
	p.envelopes = max(p.envelopes*0.99, float64(envelopes))
	p.bytes = max(p.bytes*0.99, float64(bytes))
	if p.limit == 0 {
		return
	}
	switch {
	case !p.late(now, asked):
		p.limit = min(p.limit+0.5, p.quiet())
	case !p.distant():
		p.limit = max(p.limit*0.9, leastWindow)
	case now.Sub(p.shrunkAt) >= p.trip:
		// Until then comes what was on its way when the limit shrank, late as well.
		p.limit, p.shrunkAt = max(p.limit/2, leastWindow), now
	}
}

// late reports whether the answer to a request took so long that smtpd is slow, or the reader
// of a listing is. Of a whole window that is sent at once the last answer comes a round trip
// after the first.
func (p *flowControl) late(now, asked time.Time) bool {
	return now.Sub(asked) > cmp.Or(p.slow, slowAnswer)+2*p.trip
}

// shouldSample reports whether it is time to read the counters again.
func (p *flowControl) shouldSample(now time.Time) bool {
	if p.sampledAt.IsZero() && !p.distant() {
		p.sampledAt = now.Add(sampleFirst - sampleEvery) // a short listing needs none
	}
	if p.fixed > 0 || now.Sub(p.sampledAt) < sampleEvery {
		return false
	}
	p.sampledAt = now
	return true
}

// observe records the counters.
func (p *flowControl) observe(now time.Time, d Digest) {
	d.Timestamp, d.Dequeued, d.Removed = 0, 0, 0 // the latter may be this program's work
	if p.samples > 0 && d != p.counters {
		if now.Sub(p.observedAt) < busyFor {
			p.busyUntil = now.Add(busyFor)
		} else {
			p.samples = 0 // whether it is busy now is not known
		}
	}
	p.counters, p.observedAt = d, now
	p.samples++
}
