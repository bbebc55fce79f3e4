package selector

import (
	"net/netip"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

const now = 1_000_000

// sample is an envelope that has something of everything.
func sample() *protocol.Envelope {
	return &protocol.Envelope{
		ID: 0xabcd000100000001, Flags: protocol.FlagPending, NextTry: now + 600, Type: protocol.DeliverMTA,
		Sender: protocol.ParseAddress("Alice@News.example"), Rcpt: protocol.ParseAddress("list@here.example"),
		Dest: protocol.ParseAddress("bob@Sub.Gmial.example"), ErrorLine: "451 4.7.1 No MX found [for] you*",
		Created: now - 7200, Retry: 4, Hostname: "mail.client.example", Helo: "client", Username: "alice", Tag: "SUBMIT",
		Source: protocol.Source{Addr: netip.MustParseAddr("192.0.2.77")},
	}
}

func TestTerms(t *testing.T) {
	for word, want := range map[string]bool{
		"from=alice@news.example": true, "from=ALICE@*": true, "from=@news.example": true, "from=@example": false, "from=<>": false,
		"from!=@news.example": false, "from~^Alice@": true, "from~^alice@": false, "from!~bob": true, "f=*": false,
		"to=bob@*": true, "to=list@here.example": true, "to=@here.example": true, "to!=list@*": false, "to=carol@*": false,
		"domain=sub.gmial.example": true, "domain=gmial.example": false, "domain=*.gmial.example": true, "domain!=x": true, "domain=?ub.*": true,
		"error=*No MX*": true, "error=*no mx found ?for? you?": true, "error~No MX|User": true, "error!~No MX": false, "error=No MX": false,
		"state=pending": true, "state=held,pending": true, "state=suspended": false, "state!=held": true,
		"type=mta": true, "type=mda,bounce": false,
		"older=2h": true, "older=2h1s": false, "older=7200": true, "newer=2h": true, "newer=1h59m": false, "older!=2h": false, "older=1w": false,
		"tries=4": true, "tries=3-": true, "tries=-4": true, "tries=-3": false, "tries=2-5": true, "tries=5-9": false, "tries!=4": false,
		"next=10m": true, "next=9m": false, "next=10m-": true, "next=11m-": false, "next=5m-20m": true, "next=-1h": true,
		"src=192.0.2.77": true, "src=192.0.2.0/24": true, "src=192.0.2.*": true, "src=local": false, "src=2001:db8::/32": false, "src!=local": true,
		"host=*.client.example": true, "helo=client": true, "user=alice": true, "tag=submit": true, "tag=x*": false,
		"dom=sub.*": true, "err~MX": true, "ol=1h": true,
	} {
		term, err := Parse(word)
		if word == "f=*" { // from is the only one with f
			want = true
		}
		if err != nil {
			t.Errorf("%s: %v", word, err)
			continue
		}
		if got := term.Match(sample(), now); got != want {
			t.Errorf("%s: %v", word, got)
		}
	}
}

// TestStatesOfFlags compares the terms of states with what a listing shows, for every set of
// flags: each selects what is shown so, and suspended what is in flight too.
func TestStatesOfFlags(t *testing.T) {
	flags := []protocol.Flags{protocol.FlagPending, protocol.FlagInflight, protocol.FlagHold, protocol.FlagSuspend, protocol.FlagBounce}
	for set := range 1 << len(flags) {
		e := &protocol.Envelope{}
		for i, f := range flags {
			if set&(1<<i) != 0 {
				e.Flags |= f
			}
		}
		shown := render.State(e.Flags)
		for _, name := range stateNames {
			want := name == shown || name == "suspended" && e.Flags&protocol.FlagSuspend != 0
			for word, want := range map[string]bool{"state=" + name: want, "state!=" + name: !want, "state=pending," + name: want || shown == "pending"} {
				if term, err := Parse(word); err != nil || term.Match(e, now) != want {
					t.Errorf("%s, shown as %s: want %v, %v", word, shown, want, err)
				}
			}
			group := true
			for _, word := range stateTerms(name) {
				term, err := Parse(word)
				group = group && err == nil && term.Match(e, now)
			}
			if group != (name == shown) {
				t.Errorf("the terms of group %s select what is shown as %s: %v", name, shown, group)
			}
		}
	}
}

// TestOtherNames parses terms by the other names of their fields.
func TestOtherNames(t *testing.T) {
	for word, want := range map[string]string{"src=local": "source", "sr=local": "source", "sender=<>": "from", "next_try=1h": "next", "try=3-": "tries", "sou=local": "source"} {
		if term, err := Parse(word); err != nil || term.Key != want {
			t.Errorf("%s: %v, %v, want %s", word, term, err, want)
		}
	}
}

// TestUnknownSource matches an envelope that does not say where it came from.
func TestUnknownSource(t *testing.T) {
	for word, want := range map[string]bool{
		"src=*": true, "src=?*": false, "src!=?*": true, "src=invalid*": false, "src=local": false, "src!=local": true,
		"src=0.0.0.0/0": false, "src=::/0": false, "src=0.0.0.0": false,
	} {
		term, err := Parse(word)
		if err != nil || term.Match(&protocol.Envelope{}, now) != want {
			t.Errorf("%s: want %v, %v", word, want, err)
		}
	}
	mapped := &protocol.Envelope{Source: protocol.Source{Addr: netip.MustParseAddr("::ffff:192.0.2.77")}}
	for _, word := range []string{"src=192.0.2.77", "src=192.0.2.0/24", "src=192.0.2.*", "src=::ffff:192.0.2.77"} {
		if term, err := Parse(word); err != nil || !term.Match(mapped, now) {
			t.Errorf("%s does not select the same address written as IPv6: %v", word, err)
		}
	}
}

func TestNullSender(t *testing.T) {
	e := &protocol.Envelope{}
	for word, want := range map[string]bool{"from=<>": true, "from!=<>": false, "from=?": true, "from=@x": false, "from=*@*": true, "error=*": true, "error=?*": false} {
		term, err := Parse(word)
		if err != nil || term.Match(e, now) != want {
			t.Errorf("%s: want %v, %v", word, want, err)
		}
	}
}

func TestStates(t *testing.T) {
	for flags, want := range map[protocol.Flags]string{
		protocol.FlagPending: "pending", protocol.FlagPending | protocol.FlagHold: "held", protocol.FlagInflight: "inflight",
		protocol.FlagPending | protocol.FlagSuspend: "suspended",
	} {
		for _, state := range []string{"pending", "held", "inflight", "suspended"} {
			term, _ := Parse("state=" + state)
			if term.Match(&protocol.Envelope{Flags: flags}, now) != (state == want) {
				t.Errorf("flags %x, state %s", flags, state)
			}
		}
	}
}

func TestBadTerms(t *testing.T) {
	for word, want := range map[string]string{
		"x": "expected an id", "=a": "expected an id", "nosuch=1": "unknown term", "t=1": "ambiguous term", "from=": "from= needs a value: GLOB",
		"older=soon": "expected a time", "older=": "needs a value: TIME", "older=1y": "expected a time", "older=-5": "expected a time", "older=999999999999w": "expected a time",
		"tries=x": "expected a number", "tries=-": "expected a number", "tries=5-2": "the first number is larger", "state=odd": "expected pending",
		"type=x": "expected mta", "error~(": "regular expression", "older~1h": "no regular expression", "src=1.2.3.4/99": "expected a network",
		"tries=99999999999999999999": "expected a number", "next=5m-1m": "the first number is larger", "from=@": "expected a domain after it", "to!=@": "expected a domain",
	} {
		if term, err := Parse(word); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v, want %s", word, term, err, want)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "abc", true}, {"a*c", "abbbc", true}, {"a*c", "abcd", false},
		{"*a*b*", "xxaxxbxx", true}, {"?", "", false}, {"??", "ab", true}, {"*?", "a", true}, {"*.example", ".example", true},
		{"a*a*a*a*a*b", strings.Repeat("a", 5000), false},
	} {
		if got := Glob(tt.pattern)(tt.s); got != tt.want {
			t.Errorf("Glob(%q, %.10q) = %v", tt.pattern, tt.s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, k := range Terms() {
		f.Add(k.Name + "=1")
	}
	f.Add("error!~[")
	f.Fuzz(func(t *testing.T, word string) {
		if term, err := Parse(word); err == nil {
			term.Match(sample(), now)
		}
	})
}
