package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// A listedServer is a machine of show servers as JSON.
type listedServer struct {
	Server  string
	Current bool
	State   string
	Reason  string
	System  string
	Way     string
	UID     *int
	Files   string
	Trip    *float64 `json:"trip_ms"`
}

// servers reads what show servers prints as JSON.
func servers(t *testing.T, text string) []listedServer {
	t.Helper()
	var all []listedServer
	for line := range strings.Lines(text) {
		var l listedServer
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		all = append(all, l)
	}
	return all
}

// TestServers lists machines in each state, on the command line and in a script: what is not
// named is not connected to, and where commands go stays as it was.
func TestServers(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	b.Config("Host mx2\nProxyCommand sh -c 'echo go away >&2; exit 1'\n")
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3})
	check := func(what string, got, want listedServer) {
		t.Helper()
		if got.Server != want.Server || got.Current != want.Current || got.State != want.State || got.System != want.System || got.Way != want.Way || (got.Reason != "") != (want.Reason != "") ||
			got.Files != want.Files || (got.Trip != nil) != (want.Trip != nil) || (got.UID != nil) != (want.UID != nil) {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	zero, trip := 0, 1.0
	up := listedServer{State: "connected", System: "Linux", Way: "forwarding", UID: &zero, Files: "yes", Trip: &trip}
	with := func(l listedServer, server string, current bool) listedServer {
		l.Server, l.Current = server, current
		return l
	}
	local := listedServer{State: "connected", System: "Linux", Way: "socket", UID: &zero, Files: "yes", Trip: &trip}
	down := listedServer{State: "failed", Reason: "x"}
	idle := listedServer{State: "not connected"}
	for _, tt := range []struct {
		words, script string
		status        int
		want          []listedServer
	}{
		{"show servers", "", 0, []listedServer{with(local, "local", true)}},
		{"--host mx1,mx2,local show servers", "", 0, []listedServer{with(up, "mx1", true), with(down, "mx2", true), with(local, "local", true)}},
		{"--host mx1 show servers mx2,mx3", "", 0, []listedServer{with(down, "mx2", false), with(up, "mx3", false)}},
		{"show servers mx2", "", 3, []listedServer{with(down, "mx2", false)}},
		{"--host mx1,mx2", "show servers\n", 0, []listedServer{with(idle, "mx1", true), with(idle, "mx2", true)}},
		{"--host mx4", "on mx1,mx2 show status > /dev/null\nshow servers mx3\nshow servers\non local show status > /dev/null\n", 1, []listedServer{
			with(up, "mx3", false), with(idle, "mx4", true), with(with(up, "mx1", false), "mx1", false), with(down, "mx2", false), with(up, "mx3", false)}},
	} {
		args := append([]string{"-k", "-j", "--socket", socket}, strings.Fields(tt.words)...)
		if tt.script != "" {
			args = append(args, "-f", "-")
		}
		r := b.run(tt.script, args...)
		got := servers(t, r.stdout)
		if len(got) != len(tt.want) || r.status != tt.status {
			t.Errorf("%s %q: %v", tt.words, tt.script, r)
			continue
		}
		for i, want := range tt.want {
			if tt.script != "" && want.Server == "mx1" {
				want.Files = "" // nobody has asked there
			}
			check(fmt.Sprint(tt.words, " ", tt.script, " ", i), got[i], want)
		}
	}
	for _, format := range []string{"table", "plain", "csv", "tsv", "expanded"} {
		r := b.run("", "-o", format, "--socket", socket, "show", "servers", "mx1,mx2")
		if r.status != 0 || !strings.Contains(r.stdout, "mx1") || !strings.Contains(r.stdout, "failed") || strings.Count(r.stdout, "ssh: ") != 1 {
			t.Errorf("%s: %v", format, r)
		}
	}
	if r := b.run("", "--socket", socket, "show", "servers", "mx1;x"); r.status != 2 {
		t.Errorf("%v", r)
	}
	if r := b.run("", "--restricted", "show", "servers", "mx1"); r.status != 2 || !strings.Contains(r.stderr, "--restricted lets no server be named") {
		t.Errorf("%v", r)
	}
}
