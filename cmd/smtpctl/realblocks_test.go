package main

import (
	"fmt"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// TestRealPauseSource pauses relaying from an address, where the action has src
// and where it has none, and looks what becomes of mail.
func TestRealPauseSource(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		stops     bool
	}{{"none", "", false}, {"src", " src 127.0.0.1", true}} {
		t.Run(tt.name, func(t *testing.T) {
			d := realsmtpd.Start(t, realsmtpd.Config{Conf: "listen on 127.0.0.1 port 2525\n" +
				"action \"relay\" relay host smtp://127.0.0.1:2626" + tt.src + "\nmatch from any for any action \"relay\"\n"})
			d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{"a@slow.example"}})
			firstID(t, d, "to=a@slow.example", "state=inflight") // now there is a relay with a connector
			check := func(line, stdout string) {
				t.Helper()
				r := ours(t, d, "", strings.Fields(line)...)
				if r.status != 0 || r.stdout != stdout || strings.Contains(r.stderr, "no effect now") == tt.stops {
					t.Errorf("%s: %v", line, r)
				}
				r = ours(t, d, "", append([]string{"-j"}, strings.Fields(line)...)...)
				if r.status != 0 || strings.Contains(r.stdout, `"warning":"it has no effect now`) == tt.stops {
					t.Errorf("-j %s: %v", line, r)
				}
			}
			check("pause mta from 127.0.0.1 for 127.0.0.1", "command succeeded\n")
			check("show mta paused", "127.0.0.1 -> 127.0.0.1\n")
			r := ours(t, d, "", "pause", "mta", "from", "192.0.2.9", "for", "elsewhere.example")
			if r.stdout != "command succeeded\n" || !strings.Contains(r.stderr, "no relay and no connector has the source 192.0.2.9") {
				t.Errorf("a source that nothing has: %v", r)
			}
			for i := range 5 { // what uses no connection that is open already waits, or goes
				d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("b%d@temp.example", i)}})
			}
			id := firstID(t, d, "domain=temp.example", "error=?*")
			realsmtpd.WaitFor(t, patience, "the verdict", func() error {
				r := ours(t, d, "", "explain", id)
				blocked := strings.Contains(r.stdout, "verdict:  blocked")
				switch {
				case !tt.stops && blocked:
					t.Fatalf("called blocked, though nothing stops it: %v", r)
				case !tt.stops && !strings.Contains(r.stdout, "does not stop this mail"):
					return fmt.Errorf("no word of the pause: %v", r)
				case tt.stops && !blocked:
					return fmt.Errorf("not called blocked: %v", r)
				}
				return nil
			})
		})
	}
}
