package main

import (
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestDemo tries the README's first command as a newcomer would.
func TestDemo(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	x := openTerminalIn(t, t.TempDir(), []string{"TMPDIR=" + temp, "PAGER=cat"}, "--demo")
	pty.Setsize(x.pty, &pty.Winsize{Rows: 40, Cols: 160})
	x.expect(`this is a simulated smtpd(?s).*` + promptRE)
	x.run("show queue", `pending(?s).*suspen(ded|…)`)
	x.run("show routes", `-DQ-`)
	x.keys("remove 01")
	// The menu of what was typed before has it, too.
	id := x.expect(`remove 01(?s).*?[^0-9a-f](01[0-9a-f]{14})  `)[1]
	x.keys("\t")
	x.expect(`remove ` + id)
	x.keys("\r")
	x.expect(`1 envelope removed(?s).*` + promptRE)
	x.keys("show envelope 02\t")
	x.expect(`02[0-9a-f]{14}`)
	x.keys("\x15")
	x.keys("monitor\r")
	x.expect(`SERIES +TOTAL(?s).*envelopes +\d+ +\d+ +\d+`)
	x.keys("\x03")
	x.expect(promptRE)
	x.run("pause mta; show status; resume mta", "MTA paused")
	x.keys("remove all\r")
	x.expect(`remove them\? \[y/N\] $`)
	x.run("y", `\d+ envelopes removed`)
	x.keys("exit\r")
	x.ended(0)
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestDemoIsTheSame starts two demos, which begin with the same queue.
func TestDemoIsTheSame(t *testing.T) {
	var queues [2]string
	for i := range queues {
		r := run(t, "--demo=50", "show", "queue")
		for line := range strings.Lines(r.stdout) {
			queues[i] += strings.Join(strings.Split(line, "|")[:7], "|") + "\n"
		}
	}
	if queues[0] != queues[1] || strings.Count(queues[0], "\n") < 50 {
		t.Errorf("%s\n%s", queues[0], queues[1])
	}
}
