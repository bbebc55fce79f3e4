package inspect

import (
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// expires returns when the envelope expires, and whether that is certain. Only smtpd's
// scheduler has the ttl of an envelope, but the ttl comes from smtpd.conf.
func (f *facts) expires() (at int64, sure bool) {
	if f.conf == nil || f.e.Created == 0 {
		return 0, false
	}
	ttl, sure := f.conf.TtlFor(f.e.Dispatcher, f.e.Type == protocol.DeliverBounce)
	return f.e.Created + ttl, sure
}

// expiresFirst reports whether the envelope expires before its next attempt.
func (f *facts) expiresFirst() bool {
	at, _ := f.expires()
	return at > 0 && f.e.Flags&protocol.FlagInflight == 0 && (at <= f.now || f.e.NextTry > at)
}

// noteExpiry warns of an envelope that expires before its next attempt.
func (f *facts) noteExpiry(add func(string, ...any)) {
	e := f.e
	at, sure := f.expires()
	if at == 0 || e.Flags&protocol.FlagInflight != 0 {
		return
	}
	by := "by " + f.conf.Path
	if !sure {
		by = "if the ttl is the default of 4 days; smtpd.conf cannot be read here"
	}
	what := "smtpd returns it to its sender"
	if e.Sender.String() == "@" {
		what = "smtpd drops it, because it has no sender"
	}
	switch {
	case at <= f.now && e.Flags&protocol.FlagSuspend != 0:
		add("danger: it is older than its ttl, %s: when it is resumed, %s at once", by, what)
	case at <= f.now:
		add("danger: it is older than its ttl, %s: %s at any moment", by, what)
	case e.NextTry > at:
		add("danger: it expires in %s, before its next try in %s, %s: then %s; schedule %v tries it once more", render.Age(at-f.now), render.Age(e.NextTry-f.now), by, what, e.ID)
	}
}

// waiting says what keeps a relay from connecting, if that is the name service. smtpd
// lists an envelope as in flight as soon as the relay has it.
func (f *facts) waiting() string {
	what := ""
	for _, r := range f.relays {
		switch {
		case r.Kind == "relay" && r.Connections > 0:
			return "" // it may be on one of them
		case slices.Contains(r.Waits, "MX"):
			what = "the name service: which hosts take mail for " + r.Domain
		case slices.Contains(r.Waits, "preference"):
			what = "the name service: which of the hosts for " + r.Domain + " come first"
		}
	}
	return what
}
