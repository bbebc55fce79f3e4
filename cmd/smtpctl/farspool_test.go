package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// A farSpool is a simulated smtpd with a spool and a log, as the other machine.
type farSpool struct {
	*farBed
	sim         *smtpdsim.Server
	socket, dir string
	ids         []protocol.EnvelopeID
}

func newFarSpool(t *testing.T, extra string, messages int) *farSpool {
	t.Helper()
	b := newFarBed(t, extra)
	dir := filepath.Join(b.Dir, "spool")
	os.Mkdir(dir, 0o755)
	sim, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: messages, Spool: dir})
	f := &farSpool{farBed: b, sim: sim, socket: socket, dir: dir}
	for id, err := range spool.Open(dir).IDs() {
		if err != nil {
			t.Fatal(err)
		}
		f.ids = append(f.ids, id)
	}
	// Those that do not become due while a test compares what is said of them come first.
	later := map[protocol.EnvelopeID]bool{}
	for _, e := range sim.Envelopes() {
		later[e.ID] = e.Flags&protocol.FlagPending != 0 && e.Time > time.Now().Add(time.Hour/2).Unix()
	}
	slices.SortStableFunc(f.ids, func(a, b protocol.EnvelopeID) int {
		switch {
		case later[a] == later[b]:
			return 0
		case later[a]:
			return -1
		}
		return 1
	})
	return f
}

// both runs words on the machine itself and over ssh, one-shot or, with a script, in a
// session.
func (f *farSpool) both(script string, words ...string) (here, far result) {
	f.t.Helper()
	words = append([]string{"--socket", f.socket, "--spool", f.dir}, words...)
	here = runCommand(f.t, f.command(words...), script)
	far = f.run(script, append([]string{"--host", "mx1"}, words...)...)
	return here, far
}

// same fails unless both are the same, but for the name of the machine in errors.
func (f *farSpool) same(what string, here, far result) {
	f.t.Helper()
	if diff := different(here.stdout, strings.ReplaceAll(far.stdout, "--host mx1 ", "")); diff != "" || here.status != far.status {
		f.t.Errorf("%s: status %d and %d, %s\nhere %s\nover ssh %s", what, here.status, far.status, diff, here.stderr, far.stderr)
	}
	if errs := strings.ReplaceAll(far.stderr, "mx1: ", ""); different(here.stderr, errs) != "" {
		f.t.Errorf("%s: here %s\nover ssh %s", what, here.stderr, far.stderr)
	}
}

// groupCount is how many envelopes explain counts in a group.
var groupCount = regexp.MustCompile(`"count":(\d+)`)

// TestFarFiles carries out what reads files of smtpd's machine from this machine and over
// ssh, byte for byte the same, one-shot, which is confined, and in a script.
func TestFarFiles(t *testing.T) {
	t.Parallel()
	f := newFarSpool(t, "", fulltest.Of(60, 20))
	sp := spool.Open(f.dir)
	env, msg := f.ids[3].String(), f.ids[3].Msg().String()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(f.dir, "maillog")
	must(os.WriteFile(log, fmt.Appendf(nil, "Nov 26 10:00:00 mx smtpd[1]: 0123456789abcdef mta delivery evpid=%s from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"r\" delay=1s result=\"TempFail\" stat=\"451 no\"\n", env), 0o600))
	lost, bare, extra := f.ids[7], f.ids[9], protocol.EnvelopeID(0xabcdef0112345678)
	lines := []string{
		"show queue subject~. -o table", "show queue subject~. limit=3", "show queue body~a sort=-size limit=5", "show queue by subject", "show queue by size", "show queue size=1k-",
		"show queue header:from~x -j", "show queue subject=none", "show queue expires=1d-", "show queue " + msg + " subject~.",
		"pause envelope subject~. from=*", "resume envelope subject~.", "-n remove size=0-",
		"show message " + msg, "show message " + env, "show message " + msg + " --headers", "show message " + msg + " -j", "show message 99999999",
		"show envelope " + env, "show envelope " + env + " -j", "show envelope " + env + " -o table", "show envelope " + f.ids[5].String(), "show envelope " + f.ids[5].String() + " -j",
		"show envelope " + lost.String(), "show message " + bare.Msg().String(), "show message " + extra.Msg().String(), "show envelope " + (extra + 1).String(),
		"explain " + env, "explain " + env + " -j", "explain " + bare.String(), "explain " + extra.String(), "explain " + lost.String(),
		"show spool -j --fail", "show spool " + extra.String(), "show spool from=*", "show queue subject~. limit=3",
		"show log --log " + log + " " + env, "show log --log " + log + " -j " + msg, "show log --log " + log + " @nowhere.invalid", "show log --log " + log + ".none " + msg,
		"show log --log " + log + " subject~.",
	}
	before := tree(t, f.dir)
	whole := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "show message") })
	here, far := f.both(strings.Join(lines[:whole], "\n")+"\n", "-f", "-")
	f.same("script", here, far)
	if far.status != 0 {
		t.Errorf("%v", far)
	}
	if after := tree(t, f.dir); after != before {
		t.Errorf("something has changed there:\n%s\nbefore\n%s", after, before)
	}
	// One of everything that may be wrong with a spool.
	must(os.WriteFile(sp.EnvelopePath(f.ids[5]), []byte("version: 3\nhel"), 0o600))
	must(os.Remove(sp.EnvelopePath(lost)))
	must(os.Remove(sp.MessagePath(bare.Msg())))
	must(os.MkdirAll(sp.MessageDir(extra.Msg()), 0o700))
	must(os.WriteFile(sp.EnvelopePath(extra), nil, 0o600))
	must(os.Symlink("/etc/passwd", sp.EnvelopePath(extra+1)))
	must(os.Symlink("/etc/passwd", sp.MessagePath(extra.Msg())))
	must(os.MkdirAll(filepath.Join(f.dir, "corrupt", "1234abcd"), 0o700))
	before = tree(t, f.dir)
	here, far = f.both(strings.Join(lines[whole:], "\n")+"\n", "-k", "-f", "-")
	f.same("script", here, far)
	for i, line := range []string{"show message " + msg, "show envelope " + env, "explain " + env, "show spool", "show queue subject~. limit=3", "show log --log " + log + " " + env} {
		if !fulltest.Takes(i, 3) {
			continue // they were lines of the script, too
		}
		here, far := f.both("", strings.Fields(line)...)
		f.same(line, here, far)
		if far.status == 2 || far.stdout == "" {
			t.Errorf("%s: %v", line, far)
		}
	}
	// What explain says of many depends on how many domains it has the time to look up.
	here, far = f.both("", "explain", "all", "-j")
	count := func(r result) (n int) {
		for _, m := range groupCount.FindAllStringSubmatch(r.stdout, -1) {
			one, _ := strconv.Atoi(m[1])
			n += one
		}
		return n
	}
	if count(here) == 0 || count(here) != count(far) || here.status != far.status {
		t.Errorf("explain all: here %v\nover ssh %v", here, far)
	}
	if after := tree(t, f.dir); after != before {
		t.Errorf("something has changed there:\n%s\nbefore\n%s", after, before)
	}
}

// tree describes all files beneath a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return nil
	})
	return b.String()
}

// TestFarFilesFaults breaks the reading of files: one line that names the machine, the
// right status, and nothing left behind.
func TestFarFilesFaults(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	hang := filepath.Join(bin, "hang")
	text := fmt.Sprintf("#!/bin/sh\nif [ -e %[1]s ]; then echo x >>%[1]s; while [ -e %[1]s ]; do sleep 0.1; done; fi\nPATH=/usr/bin:/bin exec dd \"$@\"\n", hang)
	if err := os.WriteFile(filepath.Join(bin, "dd"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	f := newFarSpool(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"), 5)
	sp := spool.Open(f.dir)
	msg := f.ids[2].Msg()
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(bytes.Repeat([]byte("line\n"), 10_000))
	w.Close()
	os.WriteFile(sp.MessagePath(msg), z.Bytes()[:z.Len()-20], 0o600)
	here, far := f.both("", "show", "message", msg.String())
	f.same("cut", here, far)
	if far.status != 1 || !strings.Contains(far.stderr, "the compressed file ends too early") {
		t.Errorf("%v", far)
	}
	other := f.ids[1].String()
	words := []string{"--socket", f.socket, "--spool", f.dir, "--host", "mx1"}
	for _, tt := range []struct {
		name, timeout, want string
		status              int
		do                  func(cmd *exec.Cmd)
	}{
		{"hung", "8s", "mx1: no answer within 8s while files were read there\n", 3, func(*exec.Cmd) {}},
		{"ssh killed", "30s", "the connection was closed", 3, func(*exec.Cmd) {
			f.killMasters()
		}},
		{"interrupted", "30s", "interrupted", 130, func(cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGINT) }},
	} {
		if err := os.WriteFile(hang, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := f.command(append(words, "--timeout", tt.timeout, "show", "envelope", other)...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			if info, err := os.Stat(hang); err == nil && info.Size() > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: it does not read: %s", tt.name, errs.String())
			}
		}
		tt.do(cmd)
		timer := time.AfterFunc(runLimit, func() { cmd.Process.Kill() })
		cmd.Wait()
		timer.Stop()
		os.Remove(hang)
		if got := errs.String(); cmd.ProcessState.ExitCode() != tt.status || out.String() != "" || !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: status %d, %q, %q", tt.name, cmd.ProcessState.ExitCode(), out.String(), got)
		}
		f.gone()
	}
	// What smtpd is not needed for goes without it.
	f.sim.Close()
	here, far = f.both("", "show", "envelope", other)
	f.same("no smtpd", here, far)
	if far.status != 0 || far.stdout == "" {
		t.Errorf("%v", far)
	}
}

// TestRealFarFiles is TestFarFiles with a real smtpd, its spool and a queue in which
// something is missing.
func TestRealFarFiles(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range 6 {
		d.Send(realsmtpd.Mail{From: fmt.Sprintf("a%d@x.example", i), To: []string{"b@y.example", "c@z.example"}})
	}
	d.WaitQueued(12)
	f := &farSpool{farBed: newFarBed(t, ""), socket: d.Socket, dir: d.Spool}
	sp := spool.Open(d.Spool)
	for id, err := range sp.IDs() {
		if err != nil {
			t.Fatal(err)
		}
		f.ids = append(f.ids, id)
	}
	env, msg := f.ids[0].String(), f.ids[0].Msg().String()
	lines := []string{"show message " + msg, "show message " + msg + " -j", "show message --headers " + env, "show envelope " + env, "show envelope -j " + env, "show envelope -o table " + env,
		"explain " + env, "explain -j " + env, "explain all", "show queue header:received~. -o table", "show queue by subject", "show queue sort=-size", "show queue body~.", "show spool"}
	before := tree(t, d.Spool)
	here, far := f.both(strings.Join(lines, "\n")+"\n", "-f", "-")
	f.same("script", here, far)
	if after := tree(t, d.Spool); after != before || far.status != 0 {
		t.Errorf("status %d, something has changed there:\n%s\nbefore\n%s", far.status, after, before)
	}
	if err := os.Remove(sp.MessagePath(f.ids[2].Msg())); err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{{"show", "spool"}, {"explain", f.ids[2].String()}, {"explain", "all"}, {"show", "message", f.ids[2].Msg().String()}, {"show", "envelope", env}} {
		here, far := f.both("", words...)
		f.same(strings.Join(words, " "), here, far)
	}
}

// TestFarUnlisted warns on a terminal of files that smtpd does not list on each of several machines,
// and on one alone, with their names; a busy machine may leave it no time. Where the output is no
// terminal the files are not looked at.
func TestFarUnlisted(t *testing.T) {
	t.Parallel()
	cfg := smtpdsim.Config{Seed: 1, Messages: 5, Spool: "q"}
	m := newFarMachines(t, cfg, cfg)
	for i, dir := range m.spools {
		for k := range i + 1 {
			id := protocol.EnvelopeID(uint64(0xabc00001)<<32 | uint64(k+1))
			path := spool.Open(dir).EnvelopePath(id)
			os.MkdirAll(filepath.Dir(path), 0o700)
			if err := os.WriteFile(path, []byte("version: 3\ntype: mta\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	// The machines see their own spools at their own places, which the settings name.
	config := filepath.Join(m.Dir, "config", "smtpctl")
	os.MkdirAll(config, 0o700)
	os.WriteFile(filepath.Join(config, "config"), fmt.Appendf(nil, "host mx1 = socket=%s spool=%s\nhost mx2 = socket=%s spool=%s\n", m.socket, m.spools[0], m.socket, m.spools[1]), 0o600)
	env := append(m.env(), "XDG_CONFIG_HOME="+filepath.Dir(config), "NO_COLOR=1")
	for _, words := range []string{"show status", "show queue", "explain all"} {
		for hosts, want := range map[string]string{
			"mx1,mx2": `mx1: smtpctl: smtpd does not list 1 envelope file .*mx2: smtpctl: smtpd does not list 2 envelope files `,
			"mx2":     `smtpctl: smtpd does not list 2 envelope files `,
		} {
			realsmtpd.WaitFor(t, patience, "files that are not listed", func() error {
				x := openTerminalIn(t, t.TempDir(), env, append([]string{"--host", hosts}, strings.Fields(words)...)...)
				x.ended(0)
				if text := x.unfolded(); !regexp.MustCompile(want).MatchString(text) {
					return fmt.Errorf("%s of %s: %q", words, hosts, text)
				}
				return nil
			})
		}
		cmd := m.command(append([]string{"--host", "mx1,mx2"}, strings.Fields(words)...)...)
		cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+filepath.Dir(config))
		if r := runCommand(t, cmd, ""); r.status != 0 || strings.Contains(r.stderr, "does not list") {
			t.Errorf("%s: %v", words, r)
		}
	}
	m.gone()
}
