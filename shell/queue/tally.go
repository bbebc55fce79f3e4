package queue

import (
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
)

// A fate is what happens to a listed envelope under an action, as far as its state
// decides.
type fate int

const (
	FateAct       fate = iota // it is acted on
	FateFlying                // it is acted on while it is being delivered
	FateDue                   // smtpd delivers it now anyway: it counts as scheduled
	FateBusy                  // schedule: it is being delivered already
	FateSuspended             // it is suspended
	FateRunning               // it is not suspended, so there is nothing to resume
)

// FateOf returns the fate of a listed envelope under an action. now is in seconds since
// 1970.
//
// Danger: smtpd delivers a suspended envelope that is scheduled, and exits when it is
// resumed; and a second entry of an envelope that is due corrupts the list of envelopes
// to deliver, so that mail is lost until the next start, or smtpd crashes. FateOf
// therefore excludes both from schedule.
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

// Limits of what a tally remembers of single envelopes.
const (
	maxFailed = 4096   // whose refusal is looked into; others count as gone
	maxLooked = 50_000 // that are looked at again after schedule; more are not
)

// A tally counts what a command did to envelopes. Every selected envelope is in exactly
// one of done, suspended, running, busy, gone, refused, unsaved and unconfirmed; with
// --dry-run in one of tried, suspended, running and busy.
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

	looking *command.Progress // how many have been looked at
	doing   *command.Progress // and acted on
	chosen  int               // of those that were looked at
	planned int               // how many are to be acted on, 0 if that was not known before

	keeper    *keeper       // keeps copies of what is removed at the prompt, nil if none are wanted
	shortened bool          // the message was named by a shortened id
	saver     *copies.Saver // copies what is removed, nil without --save
}

// A Look is the state of an envelope before it was scheduled.
type Look struct {
	ID    protocol.EnvelopeID
	Next  int64 // when its next try was to be
	Tries int
}

// found returns how many envelopes were selected.
func (t *tally) found() int {
	return t.done + t.gone + t.refused + t.suspended + t.running + t.busy + t.unconfirmed
}

// skipped returns how many envelopes were skipped because of their state.
func (t *tally) skipped() int { return t.suspended + t.running }

// leaves counts an envelope for whose fate no request is sent, and reports whether it
// is one.
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

// accepts reports whether an action is to be applied to a listed envelope, and counts
// the envelope if not.
func (t *tally) accepts(a protocol.Action, e *protocol.Envelope) bool {
	t.looking.Step()
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
	if f != FateAct && f != FateFlying {
		return false
	}
	t.chosen++
	return true
}

// fly remembers an envelope in flight that is to be acted on. smtpd has only some
// thousand of them at a time.
func (t *tally) fly(id protocol.EnvelopeID) {
	if t.flying == nil {
		t.flying = map[protocol.EnvelopeID]bool{}
	}
	t.flying[id] = true
}

// filter returns accepts in the form that a listing of the whole queue needs. An
// envelope whose text cannot be read is acted on like any other.
func (t *tally) filter(a protocol.Action) func(*protocol.Envelope, error) bool {
	return func(e *protocol.Envelope, _ error) bool { return t.accepts(a, e) }
}

// count returns a function that counts one answer.
func (t *tally) count(a protocol.Action) func(protocol.EnvelopeID, bool) {
	return func(id protocol.EnvelopeID, ok bool) {
		t.answered(a)
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
	t.answered(protocol.RemoveEnvelope)
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

// A TallyJSON is the result of an action in JSON.
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

// json returns the tally for JSON. skipped is the sum of suspended and running;
// inflight counts envelopes that were acted on and, for schedule, those that were
// skipped.
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
