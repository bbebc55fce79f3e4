package server

import (
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A StatJSON is the JSON form of a statistic: it has either a value or a time.
type StatJSON struct {
	Name  string       `json:"name"`
	Value *float64     `json:"value,omitempty"` // a count, or seconds
	Time  *render.Time `json:"time,omitempty"`
}

func newStatJSON(st protocol.Stat) StatJSON {
	j := StatJSON{Name: st.Key}
	switch {
	case st.IsUptime():
		up := float64(time.Now().Unix() - st.Value)
		j.Value = &up
	case st.Kind == protocol.StatTimestamp:
		t := render.Time(st.Value)
		j.Time = &t
	default:
		v := st.Float()
		j.Value = &v
	}
	return j
}

// A DigestJSON is the JSON form of a line of monitor. Clients and Envelopes are current
// numbers; the other counters are increases since the line before, and totals in the
// first line.
type DigestJSON struct {
	Time      render.Time `json:"time"`
	Clients   uint64      `json:"clients"`
	Envelopes uint64      `json:"envelopes"`

	Connected    uint64 `json:"connected"`
	Disconnected uint64 `json:"disconnected"`
	Enqueued     uint64 `json:"enqueued"`
	Dequeued     uint64 `json:"dequeued"`
	Delivered    uint64 `json:"delivered"`
	TempFailed   uint64 `json:"tempfailed"`
	PermFailed   uint64 `json:"permfailed"`
	Loops        uint64 `json:"loops"`
	Expired      uint64 `json:"expired"`
	Removed      uint64 `json:"removed"`
	Bounces      uint64 `json:"bounces"`
}

func newDigestJSON(d, g *protocol.Digest) DigestJSON {
	return DigestJSON{
		Time: render.Time(d.Timestamp), Clients: d.Clients(), Envelopes: d.Queued(),
		Connected: g.Connects, Disconnected: g.Disconnects, Enqueued: g.Enqueued, Dequeued: g.Dequeued, Delivered: g.Delivered,
		TempFailed: g.TemporaryFailures, PermFailed: g.PermanentFailures, Loops: g.Loops,
		Expired: g.Expired, Removed: g.Removed, Bounces: g.Bounces,
	}
}
