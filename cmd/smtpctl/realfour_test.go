package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/commandtest"
	"smtpctl/shell/remote/sshdtest"
)

// releasesEnv names the environment variable with a folder in which .ci/smtpds has installed
// the smtpd of each release. The tests empty their queues.
const releasesEnv = "SMTPCTL_TEST_RELEASES"

// A fourLine is a line for several machines, and the pattern of its command. What a line changes,
// a later one undoes. The envelopes, which are planted, have the same ids on all machines.
type fourLine struct{ pattern, line string }

// fourLines returns lines for every command that fourNot does not name.
func fourLines() []fourLine {
	id := planted(1)[0].ID
	env, msg := id.String(), id.Msg().String()
	return []fourLine{
		{"show status", "show status"}, {"show status", "show status -j"}, {"show queue", "show queue"}, {"show queue", "show queue -j"}, {"show queue <query...>", "show queue from=s3@*"},
		{"show queue <query...>", "show queue subject=planted -j"}, {"show queue <query...>", "show queue nonsense=x"},
		{"show hosts", "show hosts"}, {"show hoststats", "show hoststats"}, {"show relays", "show relays"}, {"show routes", "show routes"}, {"show mta paused", "show mta paused"},
		{"show envelope <envelope>", "show envelope " + env}, {"show envelope <envelope>", "show envelope -j " + env}, {"show message <id>", "show message " + msg}, {"show message <id>", "show message -j " + env},
		{"explain <query...>", "explain " + env}, {"show spool", "show spool"}, {"show spool <query...>", "show spool from=s3@* -j"},
		{"show log <logged...>", "show log --log /run/maillog " + env}, {"show log <logged...>", "show log -j --log /run/maillog " + msg},
		{"resume mta", "resume mta"}, {"show status", "show status"}, {"pause mta", "pause mta"}, // smtpd is started with relaying paused
		{"pause mda", "pause mda"}, {"show status", "show status"}, {"resume mda", "resume mda"}, {"pause smtp", "pause smtp"}, {"resume smtp", "resume smtp"},
		{"pause mta from <address> for <domain>", "pause mta from 192.0.2.1 for x.example"}, {"show mta paused", "show mta paused"}, {"resume mta from <address> for <domain>", "resume mta from 192.0.2.1 for x.example"},
		{"resume route <route>", "resume route 99"}, {"resume route all", "resume route all"}, {"update table <table>", "update table none"},
		{"trace <trace>", "trace smtp"}, {"untrace <trace>", "untrace smtp"}, {"profile <profile>", "profile queue"}, {"unprofile <profile>", "unprofile queue"}, {"log verbose", "log verbose"}, {"log brief", "log brief"},
		{"pause envelope <selector...>", "pause envelope from=s1@x.example"}, {"show queue <query...>", "show queue state=suspended"}, {"resume envelope <selector...>", "resume envelope from=s1@x.example"},
		{"pause envelope all", "pause envelope all"}, {"show queue <query...>", "show queue state=suspended"}, {"resume envelope all", "resume envelope all"},
		{"schedule <scheduled...>", "-n schedule from=s2@*"}, {"schedule all", "-n schedule all"}, {"discover <selector>", "discover " + msg},
		{"remove <selector...>", "-n remove from=s1@*"}, {"remove all", "-n remove all"},
		{"wait <condition...>", "wait " + env + " for 20s"}, {"wait empty <condition...>", "wait empty from=nobody@nowhere.example for 20s"},
		{"wait empty", "wait empty for 1s"}, {"wait stats <statistic...>", "wait stats scheduler.envelope=8- for 20s"},
	}
}

// fourNot are the commands of which the result for several machines is not what each has alone,
// one after the other, and why.
var fourNot = func() map[string]string {
	all := map[string]string{}
	for why, patterns := range map[string][]string{
		"does not concern the smtpd of a machine": {"__complete <line>", "__complete <line> <shell>", "__complete <line> <shell> <part>", "connect <host>", "disconnect", "completion <shell>", "encrypt",
			"encrypt <password>", "exit", "quit", "help", "help keys", "help options", "help terms", "help <word...>", "show journal", "show journal <folder>", "spf walk", "spf walk <name...>", "source <file>", "undo"},
		"is for the machines that it names itself":                          {"on <hosts> <word...>", "show servers", "show servers <hosts>"},
		"hands mail over to a listener, which TestRealFarRequeue is for":    {"bounce <selector...>", "notify <selector...>", "requeue <selector...>"},
		"keeps its record on this machine, and TestRealFarHold is for it":   {"hold", "hold <held...>", "release <held...>", "release all", "show holds"},
		"goes on, which fourWatched and tests of browse are for":            {"browse", "browse <selector...>", "monitor", "watch <word...>"},
		"is one result for all, whose sums are looked at below":             {"show queue by <grouping...>", "explain all"},
		"puts copies of each machine into its queue, and other tests do so": {"restore <folder>", "restore <folder> <selector...>"},
		"has other values each time":                                        {"show stats"},
	} {
		for _, pattern := range patterns {
			all[pattern] = why
		}
	}
	return all
}()

// split returns what each machine has in the output of a command for several, without the
// machine's name, and what no machine has.
func split(out string, hosts []string) (all map[string]string, rest string) {
	all = map[string]string{}
lines:
	for line := range strings.Lines(out) {
		for _, host := range hosts {
			if after, ok := strings.CutPrefix(line, `{"server":"`+host+`",`); ok {
				all[host] += "{" + after
				continue lines
			}
			if after, ok := strings.CutPrefix(line, host+":"); ok { // a row; other text has a blank before it
				all[host] += strings.TrimPrefix(after, " ")
				continue lines
			}
		}
		rest += line
	}
	return all, rest
}

// filesThere returns the names, sizes, modes and times of the files on a machine, but for
// logs, and for what smtpd itself changes.
func filesThere(t *testing.T, b *farBed, host string) string {
	t.Helper()
	cmd := exec.Command("ssh", host, "find /etc /home /opt /root /run /srv /tmp /usr /var -xdev \\( -path /var/log -o -path /var/cache -o -path '/var/lib/*' -o -path /run/sshd -o -path '/tmp/sshd*' \\) -prune -o -printf '%p %s %m %T@\\n' | grep -v '^/var/lib \\|^/run '")
	cmd.Path = filepath.Join(b.Dir, "bin", "ssh")
	out, err := cmd.Output()
	if err != nil || len(out) == 0 {
		t.Fatalf("files of %s: %v", host, err)
	}
	lines := strings.Split(string(out), "\n") // sort(1) there would write files of its own
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestFourLines has a line, or a reason for none, for each command of the table.
func TestFourLines(t *testing.T) {
	has := map[string]bool{}
	for _, l := range fourLines() {
		has[l.pattern] = true
	}
	for pattern := range commandtest.Lines {
		if has[pattern] == (fourNot[pattern] != "") {
			t.Errorf("%s: a line %v, a reason %q", pattern, has[pattern], fourNot[pattern])
		}
		delete(has, pattern)
	}
	for pattern := range has {
		t.Errorf("there is no command %q", pattern)
	}
}

// TestRealFour gives commands to four releases of smtpd at once, each on a machine of its own:
// what is printed is what each prints alone, machine by machine. Nothing of this program is
// left on the machines.
func TestRealFour(t *testing.T) {
	folder := os.Getenv(releasesEnv)
	if folder == "" {
		t.Skipf("needs the releases of smtpd whose queues may be emptied: set %s to the folder that .ci/smtpds has filled", releasesEnv)
	}
	var roots []string
	for _, name := range []string{"bookworm", "bookworm-backports", "trixie", "sid"} {
		roots = append(roots, filepath.Join(folder, name))
	}
	daemons := realsmtpd.Each(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Plant: planted(8)}, roots...)
	var hosts []string
	servers := map[string]*sshdtest.Server{}
	for i, d := range daemons {
		d.WaitQueued(8)
		host := fmt.Sprint("mx", i+1)
		hosts = append(hosts, host)
		os.MkdirAll(filepath.Join(d.Root, "run", "sshd"), 0o755)
		log := filepath.Join(d.Root, "run", "maillog")
		if err := os.WriteFile(log, fmt.Appendf(nil, "2026-11-20T10:00:00+00:00 %s smtpd[1]: 0123456789abcdef mta delivery evpid=%s from=<a@x.example> to=<b@y.example> rcpt=<-> source=\"-\" relay=\"r\" delay=1s result=\"TempFail\" stat=\"451 no\"\n",
			host, planted(1)[0].ID), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(log) })
		// The sockets of sshd's machine are those of the release; its folders for files of users are empty.
		servers[host] = sshdtest.StartMachine(t, sshdtest.Machine{Mounts: fmt.Sprintf("mount --bind %[1]s/run /run\nmkdir -p -m 711 /var/spool/smtpd\nmount --bind %[1]s/var/spool/smtpd /var/spool/smtpd\n"+
			"for d in /root /home /var/tmp /mnt; do mount -t tmpfs tmpfs $d; done\n"+
			// The folder of sshd stays where it is.
			"mkdir /mnt/k\nmount --bind \"$1\" /mnt/k\nmount -t tmpfs tmpfs /tmp\nmkdir -p \"$1\"\nmount --move /mnt/k \"$1\"\n", d.Root)})
	}
	b := &farBed{servers["mx1"], t}
	b.Config(sshdtest.Also(servers))
	before := map[string]string{}
	for _, host := range hosts {
		before[host] = filesThere(t, b, host)
	}
	options := []string{"--socket", "/run/smtpd.sock", "--spool", "/var/spool/smtpd"}
	far := func(line, host string) result {
		return b.run(line+"\n", append(slices.Clone(options), "--host", host, "-f", "-")...)
	}
	// unchanged looks for files on a machine that are not as they were before, but for those whose
	// names begin in one way.
	unchanged := func(host, but string) {
		t.Helper()
		lines := func(text string) map[string]bool {
			all := map[string]bool{}
			for _, line := range strings.Split(text, "\n") {
				all[line] = but == "" || !strings.HasPrefix(line, but)
			}
			return all
		}
		old, now := lines(before[host]), lines(filesThere(t, b, host))
		for line, counts := range now {
			if counts && !old[line] {
				t.Errorf("%s: changed: %s", host, line)
			}
		}
		for line, counts := range old {
			if counts && !now[line] {
				t.Errorf("%s: was there: %s", host, line)
			}
		}
	}
	// Each line is followed by one that tells where its output ends. Numbers that change with the
	// time are taken for the same; all else is the same byte for byte.
	const mark = "help show status"
	session := func(to string) (outs []string, r result) {
		text := "connect " + to + "\n" + mark + "\n"
		for _, l := range fourLines() {
			text += l.line + "\n" + mark + "\n"
		}
		r = b.run(text, append(slices.Clone(options), "-k", "-f", "-")...)
		end := runCommand(t, b.command(strings.Fields(mark)...), "").stdout
		outs = strings.Split(r.stdout, end)
		if len(outs) != len(fourLines())+2 || outs[len(outs)-1] != "" {
			t.Fatalf("%s: %d outputs of %d lines: %v", to, len(outs)-2, len(fourLines()), r)
		}
		return outs[1 : len(outs)-1], r
	}
	start := time.Now()
	together, four := session(strings.Join(hosts, ","))
	exact := func(text string) string { return passing.ReplaceAllString(text, "<$1>$2") }
	for _, host := range hosts {
		alone, one := session(host)
		if one.status != four.status {
			t.Errorf("%s: status %d, and %d of all: %s\n%s", host, one.status, four.status, one.stderr, four.stderr)
		}
		for i, l := range fourLines() {
			parts, rest := split(together[i], hosts)
			if exact(parts[host]) != exact(alone[i]) || rest != "" {
				t.Errorf("%s on %s:\n%s\nalone\n%s\nof no machine %q", l.line, host, parts[host], alone[i], rest)
			}
		}
	}
	if r := far("show queue by domain -j", strings.Join(hosts, ",")); strings.Count(r.stdout, "\n") != 1 || !strings.Contains(r.stdout, `"count":32,`) {
		t.Errorf("groups are not added up: %v", r)
	}
	for i, host := range hosts {
		if daemons[i].Stat("scheduler.envelope") != 8 {
			t.Errorf("%s has %d envelopes", host, daemons[i].Stat("scheduler.envelope"))
		}
		unchanged(host, "")
	}
	order := regexp.MustCompile(`^(mx1:.*\n){8}(mx2:.*\n){8}(mx3:.*\n){8}(mx4:.*\n){8}$`)
	if r := far("show queue", strings.Join(hosts, ",")); !order.MatchString(r.stdout) {
		t.Errorf("%v", r)
	}
	fourWatched(t, b, daemons, hosts, options)
	before[hosts[1]] = filesThere(t, b, hosts[1]) // its smtpd was started again meanwhile
	r := far("remove all", strings.Join(hosts, ","))
	if parts, _ := split(r.stdout, hosts); r.status != 0 || len(slices.Collect(maps.Keys(parts))) != 4 || strings.Count(r.stdout, "8 envelopes removed") != 3 || !strings.Contains(r.stdout, "7 envelopes removed") {
		t.Errorf("%v", r)
	}
	for i, host := range hosts {
		daemons[i].WaitQueued(0)
		unchanged(host, "/var/spool/smtpd/") // smtpd itself deletes mail
	}
	t.Logf("%d lines on each of four releases, and on all, in %v", len(fourLines()), time.Since(start))
}
