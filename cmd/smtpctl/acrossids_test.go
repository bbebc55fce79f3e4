package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell"
)

// acrossID is the id of an envelope, 1 or 2, of a message.
func acrossID(message, envelope int) protocol.EnvelopeID {
	return protocol.EnvelopeID(uint64(0xabc00000+message*0x100)<<32 | uint64(envelope))
}

// twins makes mx1 and mx2 lead to simulations with the same envelopes, two of each of n
// messages, and mx3 lead nowhere: whatever asks mx3 fails.
func (b *farBed) twins(n int) (sims []*smtpdsim.Server) {
	b.Config("Host mx3\nProxyCommand false\n")
	for i := range 2 {
		dir := filepath.Join(b.Dir, "spool")
		os.Mkdir(dir, 0o755)
		sim, socket := simtest.Start(b.t, smtpdsim.Config{Spool: dir})
		b.Leads(fmt.Sprintf("mx%d", i+1), socket)
		for k := range 2 * n {
			sim.Add(smtpdsim.Envelope{ID: acrossID(k/2, k%2+1), Time: time.Now().Unix() + 9999, Text: fmt.Sprintf(
				"version: 3\ndispatcher: relay\ntype: mta\nhelo: h\nhostname: h\nsockaddr: local\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: %d\n", time.Now().Unix()-1)})
		}
		sims = append(sims, sim)
	}
	return sims
}

// TestAcrossIDs gives every command that takes ids those of two machines out of three, over
// ssh: the third, which cannot be reached, is not asked. Which commands those are, the program
// says itself: it refuses the id of a machine that the command is not for.
func TestAcrossIDs(t *testing.T) {
	t.Parallel()
	var found []string
	b := newFarBed(t, "")
	sims := b.twins(30)
	spool := filepath.Join(b.Dir, "spool")
	log := filepath.Join(b.Dir, "log")
	os.WriteFile(log, nil, 0o644)
	var script strings.Builder
	var want [2][]protocol.EnvelopeID // that are removed
	message := 0
	for _, pattern := range shell.Patterns(true) {
		words := strings.Fields(pattern)
		last := len(words) - 1
		if words[last][0] != '<' || strings.Contains(strings.Join(words[:last], " "), "<") {
			continue
		}
		more := strings.HasSuffix(words[last], "...>")
		words = words[:last]
		if words[len(words)-1] == "by" {
			words = append(words, "domain")
		}
		command := strings.Join(words, " ")
		id := acrossID(message, 1)
		probe := runCommand(t, b.command(append([]string{"--host", "mx1,mx2,mx3", "--check"}, append(words, "mx9:"+id.String())...)...), "")
		if !strings.Contains(probe.stderr, "an id is of mx9, and the command is for mx1,mx2,mx3: use --host mx9, or on mx9 ") {
			continue
		}
		found = append(found, command)
		ids := "mx1:" + id.String()
		if more {
			ids += " mx2:" + id.String() + " mx2:" + (id + 1).String()
		}
		switch command {
		case "wait":
			ids += " for 1m"
		case "wait empty":
			ids += " for 1s"
		}
		fmt.Fprintf(&script, "%s %s\n", command, ids)
		if command == "remove" {
			want[0] = append(want[0], id)
			want[1] = append(want[1], id, id+1)
		}
		message++
	}
	if len(found) < 15 {
		t.Errorf("only %q take ids", found)
	}
	r := b.run(script.String(), "-k", "-j", "--spool", spool, "--socket", filepath.Join(b.Dir, "smtpd.sock"), "--host", "mx1,mx2,mx3", "-f", "-")
	if strings.Contains(r.stdout+r.stderr, "mx3") {
		t.Errorf("mx3 was asked: %v", r)
	}
	for i, command := range found {
		lines := ""
		for line := range strings.Lines(r.stderr) {
			if strings.HasPrefix(line, fmt.Sprintf("stdin:%d: ", i+1)) {
				lines += line
			}
		}
		refused := command == "discover" // smtpd knows it
		switch command {
		case "browse":
			refused = strings.Contains(lines, "needs a terminal")
		case "wait empty":
			refused = strings.Contains(lines, ": 3 envelopes are left: mx1 (1), mx2 (2)\n")
		case "requeue", "bounce", "notify": // of the simulated machines none listens to SMTP
			refused = strings.Contains(lines, "failed on mx1, mx2\n")
		}
		if lines != "" && !refused && command != "show log" && command != "resume envelope" { // there is no log, and nothing is suspended
			t.Errorf("%s: %s", command, lines)
		}
	}
	for i, sim := range sims {
		if gone := acrossGone(sim, 60); !slices.Equal(gone, want[i]) {
			t.Errorf("mx%d: %v are gone, want %v", i+1, gone, want[i])
		}
	}
	if strings.Count(r.stdout, `{"server":"mx1"`) < 8 || strings.Count(r.stdout, `{"server":"mx2"`) < 6 {
		t.Errorf("%v", r)
	}
}

// TestAcrossIDsPipe has one run of the program list what the next removes, in each format that
// can be read again; what the line of another machine says is refused before anything is done.
func TestAcrossIDsPipe(t *testing.T) {
	t.Parallel()
	for i, format := range []string{"plain", "json", "table"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			sims := b.twins(3)
			sims[0].Add(smtpdsim.Envelope{ID: 0xdd00000000000001, Time: time.Now().Unix() + 9999, Text: "version: 3\ntype: mta\nsender: only@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\n"})
			socket := []string{"--socket", filepath.Join(b.Dir, "smtpd.sock")}
			list := b.run("", append(socket, "--host", "mx1,mx2", "show", "queue", "from=a@x.example", "limit=10", "-o", format)...)
			for k, hosts := range [][2]string{{"mx1", "this command is for mx1 alone"}, {"mx1,mx3", "this command is not for mx2"}} {
				if !fulltest.Takes(i+k, 3) {
					continue
				}
				host, refused := hosts[0], hosts[1]
				if r := b.run(list.stdout, append(socket, "--host", host, "remove", "-")...); r.status != 2 || !strings.Contains(r.stderr, refused) || r.stdout != "" || !strings.Contains(r.stderr, "standard input:") {
					t.Errorf("%v", r)
				}
			}
			if n := len(sims[0].Envelopes()) + len(sims[1].Envelopes()); n != 13 {
				t.Errorf("%d envelopes are left", n)
			}
			r := b.run(list.stdout, append(socket, "--host", "mx1,mx2,mx3", "remove", "-")...)
			if r.status != 0 || r.stdout != "mx1: 6 envelopes removed\nmx2: 4 envelopes removed\n" || len(sims[0].Envelopes()) != 1 || len(sims[1].Envelopes()) != 2 || r.stderr != "" {
				t.Errorf("%d and %d are left: %v", len(sims[0].Envelopes()), len(sims[1].Envelopes()), r)
			}
			if !fulltest.Takes(i, 3) {
				return
			}
			if r := b.run("# none\n", append(socket, "--host", "mx1,mx2,mx3", "remove", "-")...); r.status != 0 || r.stdout != "" || !strings.Contains(r.stderr, "nothing done on any machine") {
				t.Errorf("%v", r)
			}
		})
	}
}

// acrossGone returns which of the first n envelopes of a machine are not in its queue.
func acrossGone(sim *smtpdsim.Server, n int) (gone []protocol.EnvelopeID) {
	left := map[protocol.EnvelopeID]bool{}
	for _, e := range sim.Envelopes() {
		left[e.ID] = true
	}
	for k := range n {
		if id := acrossID(k/2, k%2+1); !left[id] {
			gone = append(gone, id)
		}
	}
	return gone
}

// TestAcrossIDsPrompt completes ids with the names of their machines at the prompt, and asks
// which one is meant by a shortened one.
func TestAcrossIDsPrompt(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	sims := b.twins(3)
	sims[1].Add(smtpdsim.Envelope{ID: 0xdd00000000000001, Time: time.Now().Unix() + 9999, Text: "version: 3\ntype: mta\nsender: only@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\n"})
	sims[0].Add(smtpdsim.Envelope{ID: 0xee00000000000001, Time: time.Now().Unix() + 9999, Text: "version: 3\ntype: mta\nsender: only@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\n"})
	x := openTerminalIn(t, t.TempDir(), []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir}, "--socket", filepath.Join(b.Dir, "smtpd.sock"))
	x.expect(`smtpctl \[not connected\]> $`)
	x.keys("connect mx1,mx2\r")
	x.expect(`mx1,mx2 smtpctl> $`)
	x.keys("show envelope ")
	x.glassShows(`mx1:abc0000000000001 +a@x\.example > b@y\.example, pending(.*\n)+.*mx2:abc0`)
	x.keys("mx2:dd")
	x.glassShows(`show envelope mx2:dd *\n +mx2:dd00000000000001 +only@x\.example > b@y\.example`)
	x.keys("\x15show queue mx2:only@x")
	x.glassShows(`show queue mx2:only@x *\n +mx2:dd00000000000001 +only@x\.example > b@y\.example`)
	x.keys("\x15show queue dd0")
	x.glassShows(`show queue dd0 *\n +mx2:dd00000000000001 +only@x\.example > b@y\.example`)
	x.keys("\t\r")
	x.glassShows(`show queue mx2:dd00000000000001 *\n(.*\n)*mx2 +dd00000000000001 .*\n(.*\n)*mx1,mx2 smtpctl>`)
	x.keys("remove mx1:dd00\r")
	x.glassShows(`"dd00": no such id in the queue(.*\n)+mx1,mx2 smtpctl>`)
	x.keys("remove dd00\r")
	x.glassShows(`write the machine before the id, as in(\n| )mx1:abcd(.*\n)+mx1,mx2 smtpctl>`)
	x.keys("remove mx2:dd00 mx1:ee000000000\r")
	x.glassShows(`mx1: remove envelope ee00000000000001 *\n(.*\n)*mx2: remove: 1 envelope(.*\n)+.*remove on 2 hosts\? \[y/N\]`)
	x.keys("n\r")
	x.glassShows(`not confirmed(.*\n)+mx1,mx2 smtpctl>`)
	x.keys("remove mx2:dd00\r")
	x.glassShows(`remove mx2:dd00 *\n(.*\n)+remove on 1 host\? \[y/N\] *\n`)
	x.keys("y\r")
	x.expect(`mx2: 1 envelope removed(?s).*smtpctl> $`)
	x.keys("exit\r")
	x.ended(0)
	if len(sims[0].Envelopes()) != 7 || len(sims[1].Envelopes()) != 6 {
		t.Errorf("%d and %d are left", len(sims[0].Envelopes()), len(sims[1].Envelopes()))
	}
	b.gone()
}

// TestAcrossIDsWatched waits for and follows envelopes of two machines out of three: those of the
// same ids on the other of the two do not count, and the third, which cannot be reached, is not
// asked.
func TestAcrossIDsWatched(t *testing.T) {
	t.Parallel()
	b := newFarBed(t, "")
	sims := b.twins(3)
	args := []string{"--socket", filepath.Join(b.Dir, "smtpd.sock"), "--timeout", "1m", "--host", "mx1,mx2,mx3"}
	ask := func(words string) result {
		return runCommand(t, b.command(append(slices.Clone(args), strings.Fields(words)...)...), "")
	}
	first, second := acrossID(0, 1), acrossID(1, 1)
	both := fmt.Sprintf("mx1:%v mx2:%v", first, second)
	follow := newStream(t, b.command(append(slices.Clone(args), strings.Fields("show queue --follow -j "+both)...)...))
	awaitEach(t, follow.said, "mx1: smtpctl: following 1 envelope", "mx2: smtpctl: following 1 envelope")
	for words, want := range map[string]string{
		"wait " + both: "", fmt.Sprintf("wait mx2:%v for 1m", first): "",
		"wait empty " + both + " for 1s":               "timed out after 1s: 2 envelopes are left: mx1 (1), mx2 (1)",
		fmt.Sprintf("wait empty mx2:%v for 1s", first): "timed out after 1s: 1 envelope is left: mx2 (1)",
		"wait empty mx1:ffffffffffffffff":              "",
		"wait mx1:ffffffffffffffff for 1s":             "timed out after 1s: no envelope is selected",
		"wait mx3:ffffffffffffffff for 1s":             "mx3: ssh",
	} {
		r := ask(words)
		if strings.Contains(r.stderr, "no answer yet") { // on a busy machine
			r = ask(strings.Replace(words, "for 1s", "for 20s", 1))
			want = strings.Replace(want, "after 1s", "after 20s", 1)
		}
		if (r.status == 0) != (want == "") || !strings.Contains(r.stderr, want) || want == "" && r.stderr != "" {
			t.Errorf("%s: %v, want %q", words, r, want)
		}
	}
	for i, id := range []protocol.EnvelopeID{second, first} { // of the other machine each
		run(t, "--socket", sims[i].Path(), "remove", id.String())
	}
	for i, id := range []protocol.EnvelopeID{first, second} {
		run(t, "--socket", sims[i].Path(), "remove", id.String())
		line := awaitLine(t, follow.lines, fmt.Sprintf(`"event":"left","envelope":{"id":"%v"`, id))
		if !strings.HasPrefix(line, fmt.Sprintf(`{"server":"mx%d",`, i+1)) {
			t.Errorf("%q", line)
		}
	}
	if r := ask("wait empty " + both + " for 1m"); r.status != 0 || r.stderr != "" {
		t.Errorf("%v", r)
	}
	follow.interrupt()
}
