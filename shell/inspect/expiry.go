package inspect

import (
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// expires returns when smtpd gives the envelope up, and whether that is known: only
// its scheduler has the time to live, but that comes from smtpd.conf.
func (f *facts) expires() (at int64, sure bool) {
	if f.conf == nil || f.e.Created == 0 {
		return 0, false
	}
	ttl, sure := f.conf.TtlFor(f.e.Dispatcher, f.e.Type == protocol.DeliverBounce)
	return f.e.Created + ttl, sure
}

// expiresFirst reports whether the envelope is given up before it is tried again.
func (f *facts) expiresFirst() bool {
	at, _ := f.expires()
	return at > 0 && f.e.Flags&protocol.FlagInflight == 0 && (at <= f.now || f.e.NextTry > at)
}

// noteExpiry warns of mail that expires before it is tried again.
func (f *facts) noteExpiry(add func(string, ...any)) {
	e := f.e
	at, sure := f.expires()
	if at == 0 || e.Flags&protocol.FlagInflight != 0 {
		return
	}
	by := "by " + f.conf.Path
	if !sure {
		by = "if smtpd.conf, which cannot be read here, leaves it at 4 days"
	}
	what := "smtpd returns it to its sender"
	if e.Sender.String() == "@" {
		what = "smtpd drops it, since it has no sender to return it to"
	}
	switch {
	case at <= f.now && e.Flags&protocol.FlagSuspend != 0:
		add("danger: its time to live is over, %s: when it is resumed, %s at once", by, what)
	case at <= f.now:
		add("danger: its time to live is over, %s: %s at any moment", by, what)
	case e.NextTry > at:
		add("danger: it expires in %s, before its next try in %s, %s: then %s; schedule %v tries it once more", render.Age(at-f.now), render.Age(e.NextTry-f.now), by, what, e.ID)
	}
}

// waiting says what keeps a relay from connecting at all, if that is the name
// service: smtpd takes mail as in flight from when the relay has it.
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
