package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// benchDaemon starts a real smtpd that relays nothing, with n messages of so many
// recipients.
func benchDaemon(t *testing.T, n, recipients int) *realsmtpd.Daemon {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	d.Limit = 10 * time.Minute
	fill(d, n, recipients)
	return d
}

// fill sends messages to smtpd.
func fill(d *realsmtpd.Daemon, n, recipients int) {
	mails := make([]realsmtpd.Mail, n)
	for i := range mails {
		mails[i].From = fmt.Sprintf("s%d@x.example", i)
		for j := range recipients {
			mails[i].To = append(mails[i].To, fmt.Sprintf("r%d.%d@temp.example", i, j))
		}
	}
	d.Send(mails...)
	d.WaitQueued(n * recipients)
}

// A side is one of the two programs.
type side func(args ...string) (stdout string)

// sides returns both programs for a daemon.
func sides(t *testing.T, d *realsmtpd.Daemon) (theirs, ours side) {
	theirs = func(args ...string) string {
		out, stderr, status := d.Smtpctl("", args...)
		if status != 0 {
			t.Errorf("smtpctl %q: status %d, %s", args, status, stderr)
		}
		return out
	}
	args := []string{"--socket", d.Socket, "--spool", d.Spool}
	ours = func(words ...string) string {
		var stderr strings.Builder
		cmd := exec.Command(program, append(args[:len(args):len(args)], words...)...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("this one %q: %v, %s", words, err, stderr.String())
		}
		return string(out)
	}
	return theirs, ours
}

// check fails the test unless an output has so many lines.
func check(t *testing.T, what, out string, lines int) {
	t.Helper()
	if n := strings.Count(out, "\n"); n != lines {
		t.Errorf("%s: %d lines, want %d", what, n, lines)
	}
}

// benchListing measures what only looks at a queue, and pause and resume.
func benchListing(t *testing.T, n int) {
	var d *realsmtpd.Daemon
	fmt.Printf("%d messages sent to smtpd in %v\n", n, took(func() { d = benchDaemon(t, n, 1) }).Round(time.Millisecond))
	theirs, ours := sides(t, d)
	var their, our, bare timing
	for range 3 {
		their = append(their, took(func() { check(t, "smtpctl", theirs("show", "queue"), n) }))
		for range 3 {
			our = append(our, took(func() { check(t, "this", ours("show", "queue"), n) }))
			bare = append(bare, took(func() {
				if got, err := bareReader(d.Socket, 128); err != nil || got != n {
					t.Errorf("bare reader: %d, %v", got, err)
				}
			}))
		}
	}
	versus(fmt.Sprintf("show queue, %d messages", n), their, our)
	fmt.Printf("%-44s reader %11s   this %10s   %5.2f of its time\n", "show queue, next to a bare reader", ms(bare.median()), ms(our.median()),
		float64(our.median())/float64(bare.median()))

	var theirPause, theirResume, ourPause, ourResume timing
	for range 2 {
		theirPause = append(theirPause, took(func() { wantCount(t, theirs("pause", "envelope", "all"), n, "paused") }))
		theirResume = append(theirResume, took(func() { wantCount(t, theirs("resume", "envelope", "all"), n, "resumed") }))
		for range 2 {
			ourPause = append(ourPause, took(func() { wantCount(t, ours("pause", "envelope", "all"), n, "paused") }))
			ourResume = append(ourResume, took(func() { wantCount(t, ours("resume", "envelope", "all"), n, "resumed") }))
		}
	}
	versus("pause envelope all", theirPause, ourPause)
	versus("resume envelope all", theirResume, ourResume)
	benchSelected(t, d, ours, n)
	benchAcceptance(t, d, theirs, ours)
	benchPrompt(t, fmt.Sprintf("prompt on %d messages and more", n), "--socket", d.Socket, "--spool", d.Spool)
}

func wantCount(t *testing.T, out string, n int, verb string) {
	t.Helper()
	if want := fmt.Sprintf("%d envelopes %s\n", n, verb); out != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// startPairs is how often each program is started.
const startPairs = 50

// benchStart measures commands that take no time but for starting and asking, pair by pair:
// what else the machine does then slows both. Where smtpd is the machine's own, no option
// says where it is, as on a command line.
func benchStart(t *testing.T) {
	d := benchDaemon(t, 1, 1)
	start := func(root, path string, words ...string) {
		cmd := exec.Command(path, words...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root} // without the program of that name
		if out, err := cmd.Output(); err != nil {
			t.Errorf("%s %q: %v, %s", path, words, err, out)
		}
	}
	theirs := func(words ...string) { start(d.Root, "/usr/sbin/smtpctl", words...) }
	ours := func(words ...string) {
		if d.Root != "" {
			words = append([]string{"--socket", d.Socket, "--spool", d.Spool}, words...)
		}
		start("", program, words...)
	}
	for _, words := range [][]string{{"show", "status"}, {"show", "routes"}} {
		short := []string{"sh", words[1][:2]}
		if words[1] == "status" {
			short = words
		}
		var their, our timing
		var ratios []float64
		for i := range startPairs + 5 {
			a, b := took(func() { theirs(words...) }), took(func() { ours(short...) })
			if i < 5 {
				continue // the files come from the disk
			}
			their, our, ratios = append(their, a), append(our, b), append(ratios, float64(b)/float64(a))
		}
		slices.Sort(ratios)
		fmt.Printf("%-44s smtpctl %10s   this %10s   %5.2f of its time (median of %d pairs)\n", strings.Join(short, " "), ms(their.median()), ms(our.median()),
			ratios[len(ratios)/2], len(ratios))
	}
}

// benchSelected measures the removal of what is selected, next to a listing and
// to the removal of as many by their ids.
func benchSelected(t *testing.T, d *realsmtpd.Daemon, ours side, n int) {
	list := took(func() { check(t, "this", ours("show", "queue"), n) })
	var out string
	selected := took(func() { out = ours("remove", "to=r1???.*", "error!~No MX") })
	removed := 1000
	wantCount(t, out, removed, "removed")
	d.WaitQueued(n - removed)
	left := strings.Fields(cutField(ours("show", "queue", fmt.Sprintf("limit=%d", removed))))
	removal := took(func() { removeIDs(t, d, left) })
	fmt.Printf("%-44s listing %10s   removals of %d %10s   this %10s   %5.2f of their sum\n", "remove of what terms select", ms(list), removed, ms(removal),
		ms(selected), float64(selected)/float64(list+removal))
}

// removeIDs removes envelopes by their ids alone.
func removeIDs(t *testing.T, d *realsmtpd.Daemon, words []string) {
	ids := make([]protocol.EnvelopeID, len(words))
	for i, w := range words {
		ids[i], _ = protocol.ParseEnvelopeID(w)
	}
	done := 0
	if _, err := d.Dial().Act(t.Context(), protocol.RemoveEnvelope, ids, func(protocol.EnvelopeID, bool) { done++ }); err != nil || done != len(ids) {
		t.Errorf("%d of %d removed, %v", done, len(ids), err)
	}
}

// benchAcceptance measures what a listing in a loop does to mail that arrives.
func benchAcceptance(t *testing.T, d *realsmtpd.Daemon, theirs, ours side) {
	for _, load := range []struct {
		name string
		list side
	}{{"no listing", nil}, {"smtpctl listing", theirs}, {"this one listing", ours}} {
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			for {
				select {
				case <-stop:
					done <- n
					return
				default:
				}
				if load.list == nil {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				load.list("show", "queue")
				n++
			}
		}()
		const limit = 10 * time.Second
		took := timing(d.SendFor(limit, 4))
		close(stop)
		fmt.Printf("accepting mail, %-28s %4d messages a second, median %8s, 99th percentile %8s, %d listings\n", load.name+":",
			len(took)/int(limit.Seconds()), ms(took.median()), ms(took.percentile(99)), <-done)
	}
}

// benchRemove measures remove all.
func benchRemove(t *testing.T, n int) {
	d := benchDaemon(t, n, 1)
	theirs, ours := sides(t, d)
	their := took(func() { wantCount(t, theirs("remove", "all"), n, "removed") })
	d.WaitQueued(0)
	fill(d, n, 1)
	our := took(func() { wantCount(t, ours("remove", "all"), n, "removed") })
	d.WaitQueued(0)
	versus("remove all", timing{their}, timing{our})
	if out := ours("show", "queue"); out != "" {
		t.Errorf("left in the queue: %q", out)
	}
}

// plantedText is the text of an envelope that has been tried, so that smtpd does
// not try it again at once.
func plantedText(i int) string {
	return fmt.Sprintf("version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n"+
		"errorline: 451 try again later\nsockaddr: 192.0.2.%d\nsender: s%d@x.example\nrcpt: r%d@temp.example\ndest: r%d@temp.example\n"+
		"ctime: %d\nlast-try: %d\nlast-bounce: 0\nttl: 0\nretry: 3\ndsn-notify: 0\nesc-class: 0\nesc-code: 0\n",
		1+i%250, i, i, i, time.Now().Unix(), time.Now().Unix())
}

// planted returns n messages of one recipient.
func planted(n int) []realsmtpd.Planted {
	all := make([]realsmtpd.Planted, n)
	for i := range all {
		// Spread over all folders, as smtpd's random ids are.
		msg := uint64(uint32(i+1)*2654435761) << 32
		all[i] = realsmtpd.Planted{ID: protocol.EnvelopeID(msg | uint64(i+1)), Text: plantedText(i), Body: "Subject: planted\n\n"}
	}
	return all
}

// benchSchedule measures schedule all, on envelopes that are not due.
func benchSchedule(t *testing.T, n int) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Plant: planted(n)})
	d.Limit = 10 * time.Minute
	theirs, ours := sides(t, d)
	d.WaitQueued(n)
	their := took(func() { wantCount(t, theirs("schedule", "all"), n, "scheduled") })
	d.Restart(nil)
	d.WaitQueued(n)
	our := took(func() { wantCount(t, ours("schedule", "all"), n, "scheduled") })
	versus("schedule all", timing{their}, timing{our})
	check(t, "after schedule", ours("show", "queue"), n)
}

// benchRecipients measures messages of many recipients.
func benchRecipients(t *testing.T, n int) {
	const recipients = 50
	d := benchDaemon(t, n, recipients)
	theirs, ours := sides(t, d)
	var their, our timing
	for range 2 {
		their = append(their, took(func() { check(t, "smtpctl", theirs("show", "queue"), n*recipients) }))
		our = append(our, took(func() { check(t, "this", ours("show", "queue"), n*recipients) }))
	}
	versus(fmt.Sprintf("show queue, %d messages of %d recipients", n, recipients), their, our)
}

// benchOffline measures show queue while smtpd does not run.
func benchOffline(t *testing.T, n int) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	d.Limit = 10 * time.Minute
	d.Stop()
	for _, p := range planted(n) {
		d.Plant(p)
	}
	theirs, ours := sides(t, d)
	var their, our timing
	var want, got string
	for range 5 {
		their = append(their, took(func() { want = theirs("show", "queue") }))
		our = append(our, took(func() { got = ours("show", "queue") }))
	}
	check(t, "smtpctl", want, n)
	if got != want {
		a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
		slices.Sort(a)
		slices.Sort(b)
		t.Errorf("not the same output as smtpctl's; sorted equal: %v", slices.Equal(a, b))
	}
	versus(fmt.Sprintf("offline show queue, %d messages", n), their, our)
}
