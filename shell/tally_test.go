package shell

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/queue"
)

// TestFates decides on every action and every state that smtpd lists.
func TestFates(t *testing.T) {
	t.Parallel()
	const now = 1_000_000
	for a := protocol.PauseEnvelope; a <= protocol.ScheduleEnvelope; a++ {
		for _, suspended := range []bool{false, true} {
			for _, state := range []string{"pending", "due", "hold", "inflight"} {
				e := &protocol.Envelope{Flags: protocol.FlagPending, NextTry: now + 3600}
				switch state {
				case "due":
					e.NextTry = now
				case "hold":
					e.Flags |= protocol.FlagHold
				case "inflight":
					e.Flags = protocol.FlagInflight
				}
				if suspended {
					e.Flags |= protocol.FlagSuspend
				}
				want := queue.FateAct
				switch {
				case suspended && (a == protocol.PauseEnvelope || a == protocol.ScheduleEnvelope):
					want = queue.FateSuspended
				case !suspended && a == protocol.ResumeEnvelope:
					want = queue.FateRunning
				case state == "inflight" && a == protocol.ScheduleEnvelope:
					want = queue.FateBusy
				case state == "inflight":
					want = queue.FateFlying
				case state == "due" && a == protocol.ScheduleEnvelope:
					want = queue.FateDue
				}
				if got := queue.FateOf(a, e, now); got != want {
					t.Errorf("%v, %s, suspended %v: %d, want %d", a, state, suspended, got, want)
				}
			}
		}
	}
}

// TestMeanwhile changes the queue between the look at it and the request, or
// between the proof that all messages have one envelope and the request: what went
// in flight, left or was paused by somebody else is counted as that.
func TestMeanwhile(t *testing.T) {
	t.Parallel()
	const n = 40
	for _, words := range []string{"all", "tries=0-", "IDS"} {
		for _, change := range []string{"nothing", "inflight", "suspended", "gone"} {
			t.Run(words+"/"+change, func(t *testing.T) {
				t.Parallel()
				var out, errs bytes.Buffer
				s, sim, _ := auditedSession(t, 0, IO{Out: &out, Err: &errs})
				var ids []string
				for i := range n {
					e := smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(i+1)<<32 | 1), Time: time.Now().Unix() + 9999,
						Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\n"}
					sim.Add(e)
					ids = append(ids, e.ID.String())
				}
				changed := false
				s.audit.to = func(text string) {
					if changed || !strings.Contains(text, ": ids ") {
						return
					}
					changed = true // now it has been looked at, and nothing has been sent
					e := sim.Envelopes()[7]
					switch change {
					case "inflight":
						e.Flags = e.Flags&^protocol.FlagPending | protocol.FlagInflight
						sim.Add(e)
					case "suspended":
						e.Flags |= protocol.FlagSuspend
						sim.Add(e)
					case "gone":
						conn, err := protocol.Dial(context.Background(), sim.Path(), protocol.Options{})
						if err != nil {
							t.Error(err)
							return
						}
						defer conn.Close()
						if _, err := conn.Act(context.Background(), protocol.RemoveEnvelope, []protocol.EnvelopeID{e.ID}, func(protocol.EnvelopeID, bool) {}); err != nil {
							t.Error(err)
						}
					}
				}
				line := "pause envelope " + strings.Replace(words, "IDS", strings.Join(ids, " "), 1)
				if err := s.Eval(context.Background(), "--output json "+line); err != nil {
					t.Fatal(err, errs.String())
				}
				var got queue.TallyJSON
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				want := map[string][4]int{"nothing": {n, 0, 0, 0}, "inflight": {n, 1, 0, 0}, "suspended": {n - 1, 0, 1, 0}, "gone": {n - 1, 0, 0, 1}}[change]
				if have := [4]int{got.Done, got.Inflight, got.Suspended, got.Gone}; have != want || got.Refused != 0 {
					t.Errorf("done, in flight, suspended, gone: %v, want %v: %s%s", have, want, out.String(), errs.String())
				}
				if change != "nothing" && errs.Len() == 0 {
					t.Error("nothing is said of it")
				}
			})
		}
	}
}

// TestAfter says where every scheduled envelope is a moment later.
func TestAfter(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	s, sim, _ := auditedSession(t, 0, IO{Out: new(bytes.Buffer), Err: new(bytes.Buffer)})
	var looked []queue.Look
	for i, e := range []struct {
		flags protocol.Flags
		next  int64
		tries int
		there bool
	}{
		{protocol.FlagInflight, now, 3, true}, {protocol.FlagPending | protocol.FlagHold, now, 3, true}, {protocol.FlagPending, now + 999, 3, true},
		{protocol.FlagPending, now + 999, 4, true}, {protocol.FlagPending, now, 3, true}, {0, 0, 3, false},
	} {
		id := protocol.EnvelopeID(uint64(i+1)<<32 | 1)
		looked = append(looked, queue.Look{ID: id, Next: now + 999, Tries: 3})
		if e.there {
			sim.Add(smtpdsim.Envelope{ID: id, Flags: e.flags, Time: e.next, Text: fmt.Sprintf(
				"version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\nretry: %d\n", e.tries)})
		}
	}
	conn, err := s.fleet.Dial(context.Background(), s.opts)
	if err != nil {
		t.Fatal(err)
	}
	got, err := queue.LookOnce(context.Background(), conn, looked)
	if want := (queue.AfterJSON{Left: 1, Inflight: 1, Held: 1, Back: 1, Retried: 1, Waiting: 1}); err != nil || *got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got := got.String(); strings.Count(got, "1 ") != 6 {
		t.Errorf("in words: %q", got)
	}
}
