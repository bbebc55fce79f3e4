package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
)

// TestAcrossBrowseIDs browses envelopes that are named with their machines: those of the same ids
// elsewhere are neither shown nor acted on, and the third machine, which cannot be reached, is not
// asked. A machine alone is as one that --host names. The settings give mx2 its socket.
func TestAcrossBrowseIDs(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	sims := b.twins(4)
	config := filepath.Join(b.Dir, "config", "smtpctl")
	os.MkdirAll(config, 0o700)
	other := filepath.Join(b.Dir, "other.sock")
	os.Remove(filepath.Join(b.Dir, "at", "mx2")) // all that leads to it is the setting
	if err := os.Symlink(sims[1].Path(), other); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(config, "config"), []byte("host mx2 = socket="+other+"\n"), 0o600)
	x := openTerminalIn(t, t.TempDir(), append(b.env(), "XDG_CONFIG_HOME="+filepath.Dir(config)), "--host", "mx1", "--spool", filepath.Join(b.Dir, "spool"))
	x.expect(`mx1 smtpctl> $`)
	var want [2][]protocol.EnvelopeID // that are removed
	one := func(message, envelope int) string { return acrossID(message, envelope).String() }
	browse := func(line, shows string) {
		x.keys(line + "\r")
		x.glassShows(shows)
	}
	on := "--host mx1,mx2,mx3 browse "

	// Two machines: marks, then a group, whose terms go with the ids.
	browse(on+"mx1:"+one(0, 1)+" mx2:"+one(0, 1)+" mx2:"+one(0, 2), `3 envelopes, (.*\n)+.*SERVER(.*\n)+.*mx1 .*\n *mx2 .*\n *mx2 `)
	x.keys("jd")
	x.glassShows(`mx2: remove: 1 envelope(.*\n)+.*\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`mx2: 1 envelope removed`)
	want[1] = append(want[1], acrossID(0, 1))
	x.keys("q") // the text of the result
	x.glassShows(`2 envelopes, (.*\n)+.*SERVER`)
	x.keys("g")
	x.glassShows(`group by`)
	x.keys("\r") // the first is domain
	x.glassShows(`y\.example`)
	x.keys("d")
	x.glassShows(`mx1: remove: 1 envelope\s(.*\n)*.*mx2: remove: 1 envelope\s(.*\n)*.*remove on 2 hosts\? \[y/N\]`)
	x.keys("y\r")
	x.glassShows(`mx1: 1 envelope removed`)
	want[0], want[1] = append(want[0], acrossID(0, 1)), append(want[1], acrossID(0, 2))
	x.keys("qq")
	x.expect(`mx1 smtpctl> $`)

	// One machine, which needs no column, by its own socket.
	browse(on+"mx2:"+one(1, 1), `1 envelope, (.*\n)+ *[^ S][^S]*STATE`)
	x.keys("d")
	x.glassShows(`remove: 1 envelope(.*\n)+.*\[y/N\]`)
	x.keys("y\r")
	x.glassShows(`1 envelope removed`)
	want[1] = append(want[1], acrossID(1, 1))
	x.keys("qq")
	x.expect(`mx1 smtpctl> $`)

	// What a list of two machines has shown.
	x.keys("on mx1,mx2 explain mx1:" + one(2, 1) + " mx2:" + one(2, 2) + "\r")
	x.expect(`mx2(?s).*mx1 smtpctl> $`)
	browse("browse _", `2 envelopes, (.*\n)+.*SERVER(.*\n)+.*mx1 .*\n *mx2 `)
	x.keys("q")
	x.expect(`mx1 smtpctl> $`)
	x.keys("exit\r")
	x.ended(0)
	for i, sim := range sims {
		slices.Sort(want[i])
		if gone := acrossGone(sim, 8); !slices.Equal(gone, want[i]) {
			t.Errorf("mx%d: %v are gone, want %v", i+1, gone, want[i])
		}
	}
	journal, _ := os.ReadFile(filepath.Join(b.Dir, "state", "smtpctl", "journal"))
	if text := string(journal); strings.Contains(text, "mx3") || strings.Count(text, fmt.Sprintf(`"socket":"mx2:%s"`, other)) == 0 {
		t.Errorf("the journal: %s", text)
	}
	b.gone()
}
