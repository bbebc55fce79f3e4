package protocol

import "time"

// The limits of an actFlow.
const (
	// actWindow is how many actions may be in flight at first, and at all times where smtpd is
	// on the same machine.
	actWindow = 64
	// perAction is the least time that smtpd takes for an action: where a round trip takes
	// long, as many more may be in flight as smtpd could carry out in that time.
	perAction = 50 * time.Microsecond
	// mostActions is how many actions may be in flight at most, however long a round trip
	// takes: so many are carried out after an interrupt, or are in doubt after a lost
	// connection.
	mostActions = 4096
	// mostSchedules is the same for schedule. An envelope was checked not to be due within
	// DueMargin when its request was sent; even an smtpd that takes some milliseconds for each
	// request must come to the last one before that time is over.
	mostSchedules = 1024
)

// An actFlow decides how many actions may be in flight. Where round trips take long it begins
// with actWindow, adds one for each answer that comes in time, and halves the window when
// answers are late: a slow smtpd never has many requests waiting.
type actFlow struct {
	pace  *flowControl
	limit float64
	most  float64

	sent   []time.Time // when the requests in flight were sent, oldest first
	shrunk time.Time   // when the window was halved last
}

// flow returns an actFlow for one run of an action. The caller has the connection to itself.
func (c *Conn) flow(a Action) actFlow {
	p := &c.pace
	f := actFlow{pace: p, limit: actWindow, most: actWindow}
	switch {
	case p.fixed > 0:
		f.limit, f.most = float64(p.fixed), float64(p.fixed)
	case p.distant():
		f.most = min(actWindow+float64(p.trip/perAction), mostActions)
		if a == ScheduleEnvelope {
			f.most = min(f.most, mostSchedules)
		}
	}
	return f
}

// window returns how many actions may be in flight now.
func (f *actFlow) window() int { return int(f.limit) }

// adapts reports whether the window depends on answers.
func (f *actFlow) adapts() bool { return f.most > actWindow && f.pace.fixed == 0 }

// onSend records that a request is sent.
func (f *actFlow) onSend(now time.Time) {
	if f.adapts() {
		f.sent = append(f.sent, now)
	}
}

// onAnswer records the answer to the oldest request in flight.
func (f *actFlow) onAnswer(now time.Time) {
	if !f.adapts() || len(f.sent) == 0 {
		return
	}
	asked := f.sent[0]
	f.sent = f.sent[1:]
	switch {
	case !f.pace.late(now, asked):
		f.limit = min(f.limit+1, f.most)
	case !asked.Before(f.shrunk): // what was sent before the window was halved says nothing new
		f.limit, f.shrunk = max(f.limit/2, leastWindow), now
	}
}
