package remote

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestLayouts reaches an smtpd of every layout on a machine that tells of itself what such a
// machine tells, and lists and removes there.
func TestLayouts(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv, _ := reach(t, "")
	fake := farPrograms(t, srv)
	for i, tt := range []struct {
		system, machine, goos, goarch string
		smtpd                         string
		otherTime, short              bool
	}{
		{"Linux", "x86_64", "linux", "amd64", "7.6.0p1", false, false},
		{"Linux", "aarch64", "linux", "amd64", "6.8.0p2", false, false},
		{"Linux", "s390x", "linux", "s390x", "7.9.0-portable", false, false},
		{"Linux", "s390x", "linux", "s390x", "7.6.0-portable", false, true},
		{"Linux", "ppc64", "linux", "ppc64", "6.8.0p2", false, true},
		{"Linux", "i686", "linux", "386", "7.4.0p1", false, false},
		{"Linux", "i686", "linux", "386", "7.9.0-portable", true, false},
		{"Linux", "x86_64", "linux", "386", "7.9.0-portable", true, false}, // a container of 32 bits
		{"Linux", "armv7l", "linux", "arm", "7.6.0p1", false, false},
		{"Linux", "armv7l", "linux", "arm", "7.6.0p1", true, false},
		{"Linux", "mips", "linux", "mips", "6.8.0p2", false, true},
		{"Linux", "mips", "linux", "mips", "7.9.0-portable", true, false},
		{"OpenBSD", "amd64", "openbsd", "amd64", "7.7.0", false, false},
		{"OpenBSD", "i386", "openbsd", "386", "7.7.0", false, false},
		{"OpenBSD", "macppc", "openbsd", "mips", "7.7.0", false, false},
		{"OpenBSD", "powerpc64", "openbsd", "ppc64", "7.6.0", false, true},
		{"FreeBSD", "amd64", "freebsd", "amd64", "7.6.0p1", false, false},
		{"FreeBSD", "i386", "freebsd", "386", "7.6.0p1", false, false},
		{"NetBSD", "amd64", "netbsd", "amd64", "7.6.0p1", false, false},
		{"Darwin", "arm64", "darwin", "amd64", "7.6.0p1", false, false},
	} {
		if !fulltest.Takes(i, 2) && tt.system != "Darwin" { // of which there is one
			continue
		}
		t.Run(fmt.Sprintf("%s %s %s %v", tt.system, tt.machine, tt.smtpd, tt.otherTime), func(t *testing.T) {
			l := protocol.LayoutFor(tt.goos, tt.goarch)
			if l.ShortHeader = tt.short; tt.otherTime {
				l.Time = 12 - l.Time
			}
			order := "0201"
			if l.Order == binary.BigEndian {
				order = "0102"
			}
			fake("uname", "echo "+tt.system+" far.example "+tt.machine)
			fake("getconf", fmt.Sprint("echo ", l.Word*8))
			fake("od", "cat >/dev/null; echo ' "+order+"'")
			fake("smtpd", "echo 'version: OpenSMTPD "+tt.smtpd+"' >&2")
			rec := &recorder{}
			sim, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 40, Mixed: true, Layout: l, Fault: rec.wrap})
			f := fleetOf(srv)
			defer f.Close()
			h, ctx := f.Host("mx1"), context.Background()
			conn, err := h.Dial(ctx, socket, opts, Options{})
			if err != nil {
				facts, _ := h.Facts()
				t.Fatalf("%v, facts %+v\n%s", err, facts, srv.Log())
			}
			rec.check(t, l)
			want, n := map[protocol.EnvelopeID]bool{}, 0
			for _, e := range sim.Envelopes() {
				want[e.ID] = true
			}
			var last protocol.EnvelopeID
			for e, err := range conn.Envelopes(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; !want[e.ID] {
					t.Errorf("%v is not in the queue", e.ID)
				}
				last = e.ID
			}
			if n != len(want) {
				t.Errorf("%d envelopes, want %d", n, len(want))
			}
			if err := func() error {
				_, err := conn.Act(ctx, protocol.RemoveEnvelope, []protocol.EnvelopeID{last}, func(_ protocol.EnvelopeID, ok bool) {
					if !ok {
						t.Errorf("%v is refused", last)
					}
				})
				return err
			}(); err != nil {
				t.Error(err)
			}
			if got := len(sim.Envelopes()); got != n-1 {
				t.Errorf("%d envelopes are left of %d", got, n)
			}
			if facts, _ := h.Facts(); facts.OS != tt.system || facts.Node != "far.example" || facts.Machine != tt.machine || facts.Smtpd != tt.smtpd {
				t.Errorf("%+v", facts)
			}
		})
	}
}
