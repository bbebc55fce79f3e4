package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestUndo takes back what a session has changed, and only that.
func TestUndo(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	if r := b.run(t, "restore", b.dir); r.status != 0 {
		t.Fatal(r)
	}
	// state says how many envelopes are in the queue, and how many of them are suspended.
	state := func() string {
		list := func(words ...string) int {
			return strings.Count(b.run(t, append([]string{"show", "queue"}, words...)...).stdout, "\n")
		}
		return fmt.Sprintf("%d, %d", list(), list("state=suspended"))
	}
	for _, tt := range []struct {
		name, stdout, stderr, state string
		lines                       []string
	}{
		{"nothing", "", "this session has changed nothing that can be undone", "6, 0", []string{"undo"}},
		{"pause", "2 envelopes paused\n2 envelopes resumed\n", `undo: pause envelope "to=r0*", by resume envelope "2 envelopes"`, "6, 0", []string{"pause envelope to=r0*", "undo"}},
		{"only what it did", "2 envelopes paused\n4 envelopes paused\n4 envelopes resumed\n", "", "6, 2", []string{"pause envelope to=r0*", "pause envelope all", "undo"}},
		{"resume", "2 envelopes resumed\n2 envelopes paused\n", "", "6, 2", []string{"resume envelope all", "undo"}},
		{"two of them", "2 envelopes paused\n2 envelopes paused\n2 envelopes resumed\n2 envelopes resumed\n", "", "6, 2", []string{"pause envelope to=r1*", "pause envelope to=r2*", "undo", "undo"}},
		{"one too many", "2 envelopes resumed\n2 envelopes paused\n", "has changed nothing", "6, 2", []string{"resume envelope to=r0*", "undo", "undo"}},
		{"dry run", "2 envelopes resumed\n", "would be paused; nothing was", "6, 0", []string{"resume envelope to=r0*", "undo -n"}},
		{"expect", "2 envelopes paused\n2 envelopes resumed\n", "2 envelopes selected, 3 expected: nothing done", "6, 0", []string{"pause envelope to=r0*", "undo --expect 3", "undo"}},
		{"subsystem", "command succeeded\ncommand succeeded\n", "undo: pause mta, by resume mta", "6, 0", []string{"pause mta", "undo"}},
		{"source", "command succeeded\ncommand succeeded\n", "", "6, 0", []string{"pause mta from 192.0.2.1 for y.example", "undo", "show mta paused"}},
		{"source twice", "command succeeded\ncommand succeeded\ncommand succeeded\n", "has changed nothing", "6, 0", []string{"pause mta from 192.0.2.1 for y.example", "pause mta from 192.0.2.1 for y.example", "undo", "undo"}},
		{"removed for good", "1 envelope removed\n", `undo: remove "to=r00*" cannot be undone: no copies were kept`, "5, 0", []string{"remove to=r00*", "undo"}},
		{"then the one before", "1 envelope paused\n1 envelope removed\n1 envelope resumed\n", "no copies were kept", "4, 0", []string{"pause envelope to=r20*", "remove to=r01*", "undo", "undo"}},
		{"saved", "2 envelopes removed\n2 envelopes restored\n", "by restore ", "4, 0", []string{"remove to=r1* --save " + b.dir, "undo"}},
		{"json", `{"command":"pause envelope","done":4}` + "\n" + `{"command":"resume envelope","done":4}` + "\n", "", "4, 0", []string{"-j pause envelope all", "undo -j"}},
	} {
		r := runCommand(t, exec.Command(program, append(b.args, "-k")...), strings.Join(tt.lines, "\n")+"\n")
		out := strings.ReplaceAll(r.stdout, "192.0.2.1 -> y.example\n", "BLOCKED\n")
		if !strings.HasPrefix(out, tt.stdout) || strings.Contains(out, "BLOCKED") || !strings.Contains(r.stderr, tt.stderr) {
			t.Errorf("%s: %v", tt.name, r)
		}
		if got := state(); got != tt.state {
			t.Errorf("%s: the queue is %s, want %s", tt.name, got, tt.state)
		}
	}
	if r := run(t, append(b.args, "undo")...); r.status != 1 || !strings.Contains(r.stderr, "show journal") {
		t.Errorf("one-shot: %v", r)
	}
}
