package shell

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestAudit looks at what is logged: every change, who made it and its counts,
// and nothing else.
func TestAudit(t *testing.T) {
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3, Tables: []string{"aliases"}})
	opts := DefaultOptions()
	opts.Socket, opts.Spool = path, t.TempDir()
	var out, errs bytes.Buffer
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string {
		return map[string]string{"SUDO_USER": "ann\x1b[2J"}[name]
	}})
	defer s.Close()
	var logged []string
	s.auditTo = func(text string) { logged = append(logged, text) }
	for _, line := range []string{
		"show queue", "show stats", "remove -n all", "pause mta", "pause mta", "pause envelope all", "remove all --expect 9",
		"remove domain=nowhere.example", "remove all", "update table aliases", "resume mta", "bogus",
	} {
		_ = s.Eval(context.Background(), line) // some fail, which is logged too
	}
	const who = `user ann\^[[2J: `
	want := []string{
		who + "pause mta: done",
		who + `pause mta: failed: pause mta: mta is paused already`,
		who + "pause envelope all: done=3",
		who + "remove all --expect 9: failed: remove all: 3 envelopes selected, 9 expected: nothing done, done=0",
		who + "remove domain=nowhere.example: done=0",
		who + "remove all: done=3",
		who + "update table aliases: done",
		who + "resume mta: done",
	}
	if !slices.Equal(logged, want) {
		t.Errorf("logged\n%s\nwant\n%s", strings.Join(logged, "\n"), strings.Join(want, "\n"))
	}
}
