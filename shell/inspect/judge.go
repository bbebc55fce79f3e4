package inspect

import (
	"fmt"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
)

// judge finds the one reason that keeps the envelope, and adds notes.
func (f *facts) judge() *Verdict {
	v := f.decide()
	f.note(v, f.e.Dest.Domain)
	return v
}

// decide finds the one reason that keeps the envelope.
func (f *facts) decide() *Verdict {
	e := f.e
	has := func(flag protocol.Flags) bool { return e.Flags&flag != 0 }
	domain := e.Dest.Domain
	mta := e.Type == protocol.DeliverMTA
	var v *Verdict
	switch {
	case f.missing != "":
		v = &Verdict{Verdict: verdictMissing, Reason: fmt.Sprintf("the file of its message is missing: %s; no attempt can succeed without it", f.missing)}
	case has(protocol.FlagSuspend):
		v = &Verdict{Verdict: verdictSuspended, Reason: "it was suspended by an administrator", Command: "resume envelope " + e.ID.String()}
	case has(protocol.FlagInflight) && f.limited() != "":
		v = &Verdict{Verdict: verdictLimits, Reason: "it is assigned to a relay that has reached its limits: " + f.limited(),
			Notes: []string{"limits are set by mta limit in smtpd.conf"}}
	case has(protocol.FlagInflight) && f.waiting() != "":
		v = &Verdict{Verdict: verdictDNS, Reason: fmt.Sprintf("its relay has not connected yet and has been waiting for %s for %s", f.waiting(), render.Age(f.now-e.NextTry)),
			Notes: []string{"show relays says what each relay waits for; host -t mx " + domain + " asks what smtpd asks"}}
	case has(protocol.FlagInflight):
		v = &Verdict{Verdict: verdictInflight, Reason: fmt.Sprintf("it has been in delivery for %s", render.Age(f.now-e.NextTry))}
	case mta && f.status.Paused(protocol.MTA):
		v = &Verdict{Verdict: verdictMTA, Reason: "relaying is paused", Command: "resume mta"}
	case e.Type == protocol.DeliverMDA && f.status.Paused(protocol.MDA):
		v = &Verdict{Verdict: verdictMDA, Reason: "local delivery is paused", Command: "resume mda"}
	case mta && len(f.blocks) > 0:
		b := f.blocks[0]
		v = &Verdict{Verdict: verdictBlocked, Reason: fmt.Sprintf("relaying to %s from %s is paused", b.Domain, orAny(b.Source)),
			Command: fmt.Sprintf("resume mta from %s for %s", b.Source, b.Domain)}
	case mta && len(f.routes) > 0:
		r := f.routes[0]
		v = &Verdict{Verdict: verdictRoute, Reason: fmt.Sprintf("the route to %s is disabled after errors, penalty %d%s", r.Destination, r.Penalty, f.until(r)),
			Command: fmt.Sprintf("resume route %d", r.ID)}
	case has(protocol.FlagHold):
		v = &Verdict{Verdict: verdictHeld, Reason: "it is on hold, because its relay is at its limit: " + f.busy()}
	case e.NextTry > f.now+protocol.DueMargin && e.ErrorLine != "":
		v = &Verdict{Verdict: verdictBackoff, Reason: fmt.Sprintf("%s failed%s: %s", render.Tries(e.Retry), f.lastTry(", the last "), e.ErrorLine),
			Command: "schedule " + e.ID.String()}
	case e.NextTry > f.now+protocol.DueMargin:
		v = &Verdict{Verdict: verdictScheduled, Reason: fmt.Sprintf("its next attempt is in %s, after %s", render.Age(e.NextTry-f.now), render.Tries(e.Retry)),
			Command: "schedule " + e.ID.String()}
	default:
		v = &Verdict{Verdict: verdictDue, Reason: "smtpd tries it at any moment"}
	}
	return v
}

// note adds further facts that help.
func (f *facts) note(v *Verdict, domain string) {
	e := f.e
	add := func(format string, args ...any) { v.Notes = append(v.Notes, fmt.Sprintf(format, args...)) }
	f.noteExpiry(add)
	pending := e.Flags&protocol.FlagPending != 0 && e.Flags&protocol.FlagHold == 0
	if pending && e.NextTry > f.now+protocol.DueMargin && v.Verdict != verdictScheduled {
		add("next attempt in %s", render.Age(e.NextTry-f.now))
	}
	if e.ErrorLine != "" && v.Verdict != verdictBackoff {
		add("last error%s: %s", f.lastTry(", "), e.ErrorLine)
	}
	if f.last != nil {
		add("last reply from %s, %s: %s", domain, report.Since(int64(f.last.Time), f.now), f.last.Status)
	}
	switch v.Verdict {
	case verdictSuspended, verdictMTA, verdictMDA, verdictBlocked:
		add("%s", report.Forgetful)
	}
	for _, b := range f.idle[:min(3, len(f.idle))] {
		add("pause mta from %s for %s stands, but no connector of its relay has that source: it does not stop this mail", b.Source, b.Domain)
	}
	if v.Verdict != verdictRoute && len(f.routes) == 0 && len(f.disabled) > 0 {
		if f.others {
			add("%s disabled, to other hosts: show routes", render.Plural(len(f.disabled), "route is", "routes are"))
		} else {
			add("%s disabled, perhaps the one that this envelope needs: show routes", render.Plural(len(f.disabled), "route is", "routes are"))
		}
	}
	if v.Verdict != verdictMTA && e.Type == protocol.DeliverMTA && f.status.Paused(protocol.MTA) {
		add("relaying is paused too: resume mta")
	}
	if v.Verdict == verdictRoute && f.guess {
		add("this is the only disabled route, and the last error was a network error")
	}
	if v.Verdict == verdictRoute || v.Verdict == verdictBlocked {
		add("then: schedule %v", e.ID)
	}
}

// lastTry returns when the last attempt was, after some words, or "" if that is not
// known.
func (f *facts) lastTry(words string) string {
	if f.e.LastTry == 0 {
		return ""
	}
	return words + report.Since(f.e.LastTry, f.now)
}

// limited says what keeps the relay of the envelope from opening another connection, or
// returns "". smtpd marks a connector with WAIT if it has reached a limit or must pause
// between two connections, and checks again some seconds later (mta.c, mta_connect).
func (f *facts) limited() string {
	tasks, conns := 0, 0
	var why []string
	for _, r := range f.relays {
		if r.Kind == "relay" {
			tasks += r.Tasks
			conns += r.Connections
		}
		if slices.Contains(r.Waits, "limits") || slices.Contains(r.Flags, "WAIT") {
			why = append(why, "connections, or the time between two")
		}
		for _, flag := range r.Flags {
			if what, ok := strings.CutPrefix(flag, "LIMIT_"); ok {
				why = append(why, "connections to one "+strings.ToLower(what))
			}
		}
	}
	if tasks <= conns || len(why) == 0 {
		return ""
	}
	slices.Sort(why)
	return fmt.Sprintf("%s; it has %s and %s", strings.Join(slices.Compact(why), ", "), render.Plural(tasks, "task"), render.Plural(conns, "connection"))
}

// busy describes the load of the envelope's relay.
func (f *facts) busy() string {
	tasks, conns := 0, 0
	for _, r := range f.relays {
		if r.Kind == "relay" {
			tasks += r.Tasks
			conns += r.Connections
		}
	}
	return fmt.Sprintf("%s, %s", render.Plural(tasks, "task"), render.Plural(conns, "connection"))
}

// until returns a phrase for the time at which smtpd enables a route again.
func (f *facts) until(r *report.Route) string {
	if r.Timeout == nil {
		return ""
	}
	return ", for another " + render.Age(*r.Timeout)
}

func orAny(addr string) string {
	if addr == "" {
		return "any address"
	}
	return addr
}
