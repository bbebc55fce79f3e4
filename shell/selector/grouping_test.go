package selector

import (
	"net/netip"
	"strings"
	"testing"

	"smtpctl/protocol"
)

// TestGroupTerms groups envelopes by every field, also by one that only has a term: the terms of
// a group select the envelope that made it, and not those of another group. All fields of the
// envelopes differ, or are empty.
func TestGroupTerms(t *testing.T) {
	t.Parallel()
	fields := append(Fields(), &Field{Name: "helo", Want: "GLOB",
		has:   textValues(func(e *protocol.Envelope) string { return e.Helo }),
		Group: &Grouping{Of: func(e *protocol.Envelope, _ int64) string { return e.Helo }}})
	envelopes := []*protocol.Envelope{{Flags: protocol.FlagPending}}
	for i, name := range []string{"a", "b*", "c?[d]", `e\f`, "g h"} {
		envelopes = append(envelopes, &protocol.Envelope{
			Sender: protocol.Address{User: name, Domain: "x.example"}, Dest: protocol.Address{User: "u", Domain: strings.Trim(name, "*?[]\\ ") + ".example"},
			Rcpt: protocol.Address{User: "u", Domain: "y.example"}, ErrorLine: "451 " + name, Helo: "helo" + name, Hostname: "host" + name, Username: "user" + name,
			Tag: "tag" + name, Dispatcher: "action" + name, Source: protocol.Source{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})}, Flags: protocol.FlagPending,
		})
	}
	for _, f := range fields {
		if f.Group == nil || f.Group.Of == nil {
			continue
		}
		for _, e := range envelopes {
			words := f.GroupTerms(e)
			if words == nil {
				if f.has != nil || f.Group.terms != nil {
					t.Errorf("%s: no terms", f.Name)
				}
				continue
			}
			var s Selector
			for _, word := range words {
				term, err := Parse(word)
				if err != nil {
					t.Fatalf("%s: %q: %v", f.Name, word, err)
				}
				s = append(s, term)
			}
			for _, other := range envelopes {
				same := f.Group.Of(e, 0) == f.Group.Of(other, 0)
				if got := s.Match(other, 0); got != same {
					t.Errorf("%s: %q selects %+v: %v, want %v", f.Name, words, other, got, same)
				}
			}
		}
	}
}
