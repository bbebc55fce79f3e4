package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/realsmtpd"
)

// fourWatched has watch, monitor and show queue --follow run on four releases, each with 8
// envelopes. One smtpd is restarted: it is away, and comes back by itself. Then an envelope of
// another machine is removed: each of the three shows that.
func fourWatched(t *testing.T, b *farBed, daemons []*realsmtpd.Daemon, hosts, options []string) {
	t.Helper()
	list := strings.Join(hosts, ",")
	words := func(command string) []string {
		return append(append(slices.Clone(options), "--timeout", "60s", "--host", list), strings.Fields(command)...)
	}
	env := []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir}
	watch := openTerminalIn(t, t.TempDir(), env, words("watch 1 show queue")...)
	watch.resize(120, 50)
	monitor := openTerminalIn(t, t.TempDir(), env, words("monitor -i 1")...)
	monitor.resize(100, 40)
	follow := newStream(t, b.command(words("show queue --follow -j")...))
	var following, up []string
	for _, host := range hosts {
		following = append(following, host+": smtpctl: following 8 envelopes; Ctrl-C ends")
		up = append(up, host+" +up +8 ")
	}
	awaitEach(t, follow.said, following...)
	watched := func(n int) string {
		return fmt.Sprintf(`show queue on %d machines, at \S+, %d envelopes in their queues\n.*%d lines; q ends\n  SERVER `, len(hosts), n, n)
	}
	watch.glassShows(watched(8 * len(hosts)))
	monitor.glassShows(`sums of 4 machines; (?s).*` + strings.Join(up, `.*\n`))

	daemons[1].Restart(func() {
		watch.glassShows(`on 3 of 4 machines(?s).*smtpctl: ` + hosts[1] + `: .*smtpd does not seem to be running`)
		monitor.glassShows(`sums of 4 machines, 3 up; (?s).*` + hosts[1] + ` +down +8 `)
	})
	watch.glassShows(watched(8 * len(hosts)))
	monitor.glassShows(`sums of 4 machines; (?s).*` + hosts[1] + ` +up +8 `)

	id := planted(8)[7].ID
	if r := runCommand(t, b.command(append(slices.Clone(options), "--host", hosts[2], "remove", id.String())...), ""); r.status != 0 {
		t.Errorf("%v", r)
	}
	watch.glassShows(watched(8*len(hosts) - 1))
	monitor.glassShows(hosts[2] + ` +up +7 `)
	if line := awaitLine(t, follow.lines, `"event":"left"`); !strings.HasPrefix(line, `{"server":"`+hosts[2]+`",`) || !strings.Contains(line, id.String()) {
		t.Errorf("%q", line)
	}
	for _, x := range []*terminal{watch, monitor} {
		x.keys("q")
		x.ended(0)
	}
	follow.interrupt()
}
