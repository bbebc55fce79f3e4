package protocol

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"strings"
	"time"
)

// A Digest has the counters that monitor shows: struct stat_digest. All count from
// smtpd's start.
type Digest struct {
	Startup   int64 // when smtpd started, in seconds since 1970
	Timestamp int64 // when the digest was made, likewise

	Connects, Disconnects                                  uint64 // SMTP clients
	Enqueued, Dequeued, Expired, Removed, Bounces          uint64 // envelopes
	Delivered, PermanentFailures, TemporaryFailures, Loops uint64 // deliveries

	word int // bytes of a counter, after which it begins at zero again; 8 if not said
}

// Clients returns how many SMTP clients are connected.
func (d *Digest) Clients() uint64 { return d.sub(d.Connects, d.Disconnects) }

// Queued returns how many envelopes are in the queue according to the counters, which
// drift a little while smtpd runs.
func (d *Digest) Queued() uint64 { return d.sub(d.Enqueued, d.Dequeued) }

// Since returns the increase of the counters since an earlier digest. If smtpd was
// restarted in between, the increase is everything counted since the restart.
func (d *Digest) Since(last *Digest) Digest {
	if last.Startup != d.Startup {
		last = &Digest{}
	}
	return Digest{
		Startup: d.Startup, Timestamp: d.Timestamp, word: d.word,
		Connects: d.sub(d.Connects, last.Connects), Disconnects: d.sub(d.Disconnects, last.Disconnects),
		Enqueued: d.sub(d.Enqueued, last.Enqueued), Dequeued: d.sub(d.Dequeued, last.Dequeued),
		Expired: d.sub(d.Expired, last.Expired), Removed: d.sub(d.Removed, last.Removed), Bounces: d.sub(d.Bounces, last.Bounces),
		Delivered: d.sub(d.Delivered, last.Delivered), PermanentFailures: d.sub(d.PermanentFailures, last.PermanentFailures),
		TemporaryFailures: d.sub(d.TemporaryFailures, last.TemporaryFailures), Loops: d.sub(d.Loops, last.Loops),
	}
}

// sub returns a - b for two counters. A counter of 4 bytes wraps from its largest value
// to zero, and the difference is right all the same. A difference below zero becomes 0:
// no counter falls, but smtpd reads two counters one after the other.
func (d *Digest) sub(a, b uint64) uint64 {
	if d.word == 4 {
		return uint64(max(0, int32(uint32(a)-uint32(b))))
	}
	return uint64(max(0, int64(a-b)))
}

// Attempts returns how many delivery attempts have ended.
func (d *Digest) Attempts() uint64 {
	return d.Delivered + d.PermanentFailures + d.TemporaryFailures + d.Loops
}

// Digest requests smtpd's counters, which are totals since smtpd's start.
func (c *Conn) Digest(ctx context.Context) (Digest, error) {
	end, err := c.acquire(ctx)
	if err != nil {
		return Digest{}, opError(ctx, "monitor", err)
	}
	defer end()
	d, err := c.digest()
	if err != nil {
		return Digest{}, opError(ctx, "monitor", err)
	}
	c.pace.observe(time.Now(), d)
	return d, nil
}

// decodeDigest reads an answer to GET_DIGEST.
func (c *Conn) decodeDigest(p []byte) (Digest, error) {
	l := c.layout
	if len(p) != l.digestSize() {
		return Digest{}, c.badSize(TypeGetDigest, len(p), l.digestSize())
	}
	d := Digest{Startup: l.time(p), Timestamp: l.time(p[l.Time:]), word: l.Word}
	p = p[2*l.Time:]
	for i, dst := range []*uint64{
		&d.Connects, &d.Disconnects, &d.Enqueued, &d.Dequeued, &d.Expired, &d.Removed, &d.Bounces,
		&d.Delivered, &d.PermanentFailures, &d.TemporaryFailures, &d.Loops,
	} {
		*dst = l.word(p[i*l.Word:])
	}
	return d, nil
}

// A StatKind is the type of a statistic's value: enum of struct stat_value.
type StatKind uint32

// The types of statistics.
const (
	StatCounter   StatKind = iota // a number that is counted
	StatTimestamp                 // seconds since 1970
	StatTimeval                   // seconds and microseconds
	StatTimespec                  // seconds and nanoseconds
)

// A Stat is one of smtpd's statistics.
type Stat struct {
	Key   string
	Kind  StatKind
	Value int64 // the counter, or the seconds of a time
	Frac  int64 // microseconds of a timeval, nanoseconds of a timespec
}

// MaxStats is how many statistics are read from one smtpd. A real smtpd has about a
// hundred, and a few more for each filter and table.
const MaxStats = 10_000

// Stats yields smtpd's statistics in smtpd's order, with one round trip for each. The
// connection is reserved until the loop ends. An error ends the sequence.
func (c *Conn) Stats(ctx context.Context) iter.Seq2[Stat, error] {
	return func(yield func(Stat, error) bool) {
		end, err := c.acquire(ctx)
		if err != nil {
			yield(Stat{}, opError(ctx, "show stats", err))
			return
		}
		defer end()
		// smtpd keeps its position in a pointer of its own inside the struct, so the
		// struct goes back exactly as it came.
		kv := make([]byte, c.layout.statKV().size)
		for range MaxStats {
			st, more, err := c.nextStat(kv)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Stat{}, opError(ctx, "show stats", err))
				return
			}
			if !more || !yield(st, nil) {
				return
			}
		}
		yield(Stat{}, opError(ctx, "show stats", &ProtocolError{Reason: fmt.Sprintf("more than %d statistics", MaxStats)}))
	}
}

// nextStat sends kv and overwrites it with the answer. more is false after the last
// statistic.
func (c *Conn) nextStat(kv []byte) (st Stat, more bool, err error) {
	if err := c.send(TypeGetStats, kv); err != nil {
		return st, false, err
	}
	f, _, err := c.recv()
	if err != nil {
		return st, false, err
	}
	if len(f.Payload) != len(kv) {
		return st, false, c.badSize(TypeGetStats, len(f.Payload), len(kv))
	}
	copy(kv, f.Payload)
	l, off := c.layout, c.layout.statKV()
	if l.word(kv) == 0 {
		return st, false, nil
	}
	key := kv[off.key : off.key+statKeySize]
	n := bytes.IndexByte(key, 0)
	if n < 0 {
		err := &ProtocolError{Reason: "statistic whose name has no end"}
		c.fail(err)
		return st, false, err
	}
	st.Key = string(key[:n])
	st.Kind = StatKind(l.Order.Uint32(kv[off.kind:]))
	v := kv[off.value:]
	switch st.Kind {
	case StatCounter:
		st.Value = l.long(v)
	case StatTimestamp:
		st.Value = l.time(v)
	case StatTimeval, StatTimespec:
		st.Value, st.Frac = l.time(v), l.long(v[l.Time:])
	}
	return st, true, nil
}

// IsUptime reports whether the statistic is smtpd's start time, which smtpctl shows as
// the time since the start.
func (s Stat) IsUptime() bool { return s.Key == "uptime" }

// Text returns the value as OpenSMTPD's smtpctl prints it, with fractions that are not
// padded.
func (s Stat) Text() string {
	switch s.Kind {
	case StatTimeval:
		return fmt.Sprintf("%d.%d", s.Value, s.Frac)
	case StatTimespec:
		return fmt.Sprintf("%d.%06d", s.Value*1000000+s.Frac/1000000, s.Frac%1000000)
	default:
		return fmt.Sprintf("%d", s.Value)
	}
}

// Float returns the value as a number: a count, or seconds with their fraction.
func (s Stat) Float() float64 {
	switch s.Kind {
	case StatTimeval:
		return float64(s.Value) + float64(s.Frac)/1e6
	case StatTimespec:
		return float64(s.Value) + float64(s.Frac)/1e9
	}
	return float64(s.Value)
}

// Duration formats t seconds as smtpd does: 1d2h3m4s without the parts that are zero,
// and 0s for no time.
func Duration(t int64) string {
	if t == 0 {
		return "0s"
	}
	var b strings.Builder
	if t < 0 {
		b.WriteByte('-')
		t = -t
	}
	for _, u := range []struct {
		secs int64
		unit byte
	}{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}} {
		if n := t / u.secs; n > 0 {
			fmt.Fprintf(&b, "%d%c", n, u.unit)
			t %= u.secs
		}
	}
	return b.String()
}
