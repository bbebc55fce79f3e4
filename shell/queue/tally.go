package queue

import (
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
)

// A fate is what an action does to a listed envelope, as far as its state decides.
type fate int

const (
	FateAct       fate = iota // it is acted on
	FateFlying                // it is acted on while it is being delivered
	FateDue                   // smtpd delivers it now anyway: it counts as scheduled
	FateBusy                  // schedule: it is being delivered already
	FateSuspended             // it is suspended
	FateRunning               // it is not suspended, so there is nothing to resume
)

// FateOf decides what an action does to an envelope, from what smtpd lists of it.
// Schedule is the dangerous one: smtpd delivers a suspended envelope that is
// scheduled, and exits when it is resumed; and an envelope that is due is in the
// list of those to deliver already, which a second schedule corrupts, so that mail
// is lost until the next start, or smtpd crashes.
func FateOf(a protocol.Action, e *protocol.Envelope, now int64) fate {
	suspended, inflight := e.Flags&protocol.FlagSuspend != 0, e.Flags&protocol.FlagInflight != 0
	switch {
	case suspended && (a == protocol.ScheduleEnvelope || a == protocol.PauseEnvelope):
		return FateSuspended
	case !suspended && a == protocol.ResumeEnvelope:
		return FateRunning
	case inflight && a == protocol.ScheduleEnvelope:
		return FateBusy
	case a == protocol.ScheduleEnvelope && e.Due(now):
		return FateDue
	case inflight:
		return FateFlying
	}
	return FateAct
}

// Bounds of what a tally remembers of single envelopes.
const (
	maxFailed = 4096   // whose refusal is looked into; others count as gone
	maxLooked = 50_000 // that are looked at again after schedule; more are not
)

// A tally counts what a command did to envelopes. Every envelope that was selected
// is in exactly one of done, suspended, running, busy, gone, refused, unsaved and
// unconfirmed; with --dry-run in one of tried, suspended, running and busy.
type tally struct {
	done        int // smtpd said OK, or delivers it now anyway
	suspended   int // skipped by schedule, or paused already
	running     int // skipped by resume: not suspended
	busy        int // skipped by schedule: in flight
	gone        int // no longer there when their turn came
	refused     int // still there, and smtpd refused the request
	unsaved     int // kept, since they could not be saved
	unconfirmed int // asked for, but the answer never came
	tried       int // only looked at, for --dry-run
	missing     int // ids that were named, but are not in the queue

	inflight int                          // of those done or tried: in flight when they were looked at
	flying   map[protocol.EnvelopeID]bool // those in flight that are to be acted on

	acted    []protocol.EnvelopeID // of those done: whose request smtpd confirmed, ascending
	wholes   []protocol.MessageID  // the same, of requests for whole messages
	untold   bool                  // there were too many to be remembered
	failed   []protocol.EnvelopeID // whose request was refused, up to maxFailed
	failures int                   // all of them
	looked   []Look                // what schedule has seen, up to maxLooked
	after    *AfterJSON            // what became of that

	mark *Mark // of a hold, nil for other commands

	notes []string // what else is to be said
	p     *progress

	keeper    *keeper       // keeps copies of what is removed at the prompt, nil if none are wanted
	shortened bool          // the message was named by a shortened id
	saver     *copies.Saver // copies what is removed, nil without --save
}

// A Look is an envelope as it was before it was scheduled.
type Look struct {
	ID    protocol.EnvelopeID
	Next  int64 // when its next try was to be
	Tries int
}

// found returns how many envelopes were looked at.
func (t *tally) found() int {
	return t.done + t.gone + t.refused + t.suspended + t.running + t.busy + t.unconfirmed
}

// skipped returns how many envelopes were left alone for the state that they are in.
func (t *tally) skipped() int { return t.suspended + t.running }

// leaves counts an envelope of a fate for which smtpd is asked for nothing, and
// reports whether it is one of those.
func (t *tally) leaves(f fate) bool {
	switch f {
	case FateSuspended:
		t.suspended++
	case FateRunning:
		t.running++
	case FateBusy:
		t.busy++
	default:
		return false
	}
	return true
}

// wants reports whether something is to be done to a listed envelope, and counts
// it if not.
func (t *tally) wants(a protocol.Action, e *protocol.Envelope) bool {
	t.p.step()
	f := FateOf(a, e, time.Now().Unix())
	switch {
	case t.leaves(f):
	case f == FateDue:
		t.done++
	case f == FateFlying:
		t.fly(e.ID)
	}
	if a == protocol.ScheduleEnvelope && (f == FateAct || f == FateDue) && len(t.looked) <= maxLooked {
		t.looked = append(t.looked, Look{e.ID, e.NextTry, e.Retry})
	}
	return f == FateAct || f == FateFlying
}

// fly remembers that an envelope which is to be acted on is in flight. smtpd has
// only some thousand of them at a time.
func (t *tally) fly(id protocol.EnvelopeID) {
	if t.flying == nil {
		t.flying = map[protocol.EnvelopeID]bool{}
	}
	t.flying[id] = true
}

// choose returns wants as a listing of everything needs it. An envelope whose
// text cannot be read is acted on like any other.
func (t *tally) choose(a protocol.Action) func(*protocol.Envelope, error) bool {
	return func(e *protocol.Envelope, _ error) bool { return t.wants(a, e) }
}

// count returns what counts one answer.
func (t *tally) count(a protocol.Action) func(protocol.EnvelopeID, bool) {
	return func(id protocol.EnvelopeID, ok bool) {
		if !ok {
			if t.failures++; len(t.failed) < maxFailed {
				t.failed = append(t.failed, id)
			}
			return
		}
		t.done++
		if t.flying[id] {
			t.inflight++
		}
		if a != protocol.ScheduleEnvelope && (t.remembers() || a == protocol.PauseEnvelope) {
			t.acted = append(t.acted, id)
		}
	}
}

// countMessage counts the answer for a message that has one envelope.
func (t *tally) countMessage(id protocol.MessageID, ok bool) {
	t.p.step()
	if !ok {
		t.failures++
		return
	}
	t.done++
	if t.remembers() {
		t.wholes = append(t.wholes, id)
	}
}

// remembers reports whether one more id can be remembered.
func (t *tally) remembers() bool {
	if len(t.acted)+len(t.wholes) >= command.MaxUndo {
		t.untold = true
	}
	return !t.untold
}

// A TallyJSON is the result of an action as JSON shows it.
type TallyJSON struct {
	Command     string     `json:"command"`
	Hold        string     `json:"hold,omitempty"`
	DryRun      bool       `json:"dry_run,omitempty"`
	Done        int        `json:"done"`
	Selected    int        `json:"selected,omitempty"`
	Inflight    int        `json:"inflight,omitempty"`
	Skipped     int        `json:"skipped,omitempty"`
	Suspended   int        `json:"suspended,omitempty"`
	Running     int        `json:"running,omitempty"`
	Gone        int        `json:"gone,omitempty"`
	Refused     int        `json:"refused,omitempty"`
	Missing     int        `json:"missing,omitempty"`
	Unsaved     int        `json:"unsaved,omitempty"`
	Unconfirmed int        `json:"unconfirmed,omitempty"`
	After       *AfterJSON `json:"after,omitempty"`
	Notes       []string   `json:"notes,omitempty"`
}

// json returns the tally as JSON shows it. skipped is the sum of suspended and
// running; inflight is of those done, and for schedule those left alone.
func (t *tally) json(a protocol.Action, dry bool, notes []string) TallyJSON {
	return TallyJSON{
		Command: a.String(), DryRun: dry, Done: t.done, Selected: t.tried, Inflight: t.inflight + t.busy, Skipped: t.skipped(),
		Suspended: t.suspended, Running: t.running, Gone: t.gone, Refused: t.refused, Missing: t.missing,
		Unsaved: t.unsaved, Unconfirmed: t.unconfirmed, After: t.after, Notes: notes,
	}
}

// counts returns the counts for the log.
func (t *tally) counts() []command.Count {
	return []command.Count{
		{Name: "done", N: t.done}, {Name: "inflight", N: t.inflight + t.busy}, {Name: "skipped", N: t.skipped()}, {Name: "gone", N: t.gone + t.failures}, {Name: "refused", N: t.refused},
		{Name: "missing", N: t.missing}, {Name: "unsaved", N: t.unsaved}, {Name: "unconfirmed", N: t.unconfirmed},
	}
}
