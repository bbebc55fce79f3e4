package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// maxHints is how many bytes of hints may follow a message: ten lines.
const maxHints = 10 * (command.ArgBytes + 120)

// TestMessagesAreBounded gives every command of the table very many ids, terms and words, and very long ones: nothing that it says
// on standard error, nor what it asks, is longer than the bound.
func TestMessagesAreBounded(t *testing.T) {
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 20})
	var ids []string
	for i := range 10_000 {
		ids = append(ids, fmt.Sprintf("%08x%08x", 0x7f000000+i, 1))
	}
	many := func(word string) []string { return strings.Fields(strings.Repeat(word+" ", 10_000)) }
	long := strings.Repeat("x", 100_000)
	tails := map[string][]string{
		"ids": ids, "messages": many("12345678"), "terms": many("from=nobody@x.example"), "words": many("word"),
		"a long word": {long}, "a long id": {strings.Repeat("a", 100_000)}, "a long term": {"from=" + long}, "a long key": {long + "=1"},
		"a long name": {"/" + long}, "a long time": {"for", long}, "long words": {long, long, long, long, long},
		"shell's": {strings.Repeat("$(;|", 20_000)}, "control": {strings.Repeat("\x1b[31m\u202e", 20_000)}, "bytes": {strings.Repeat("\xff", 100_000)},
	}
	names := slices.Sorted(maps.Keys(tails))
	for i, cmd := range commandTable() {
		if cmd.Needs == command.NeedsNothing || cmd.Hidden() || cmd.Pattern == "monitor" {
			continue // what reads other input, or does not end
		}
		var head []string
		for _, w := range strings.Fields(cmd.Pattern) {
			if !strings.HasPrefix(w, "<") {
				head = append(head, w)
			}
		}
		t.Run(cmd.Pattern, func(t *testing.T) {
			t.Parallel()
			for j, name := range names {
				tail := tails[name]
				for k, interactive := range []bool{false, true} {
					if !fulltest.Takes(i+j+k, 24) {
						continue
					}
					var errs realsmtpd.LockedBuffer
					opts := command.DefaultOptions()
					opts.Socket, opts.Spool, opts.Timeout = path, t.TempDir(), 10*time.Second
					s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Env: func(string) string { return "" }})
					s.audit.to = func(string) {}
					if interactive {
						s.mode = command.AtPrompt
					}
					asked := ""
					s.confirm = func(_ context.Context, question string) bool { asked = question; return false }
					words := append(append([]string{"--"}, head...), tail...) // as for a command line, whose options have been taken out
					if strings.HasPrefix(cmd.Pattern, "wait") && name != "a long time" {
						words = append(words, "for", "1ms")
					}
					ctx, cancel := context.WithTimeout(context.Background(), time.Second)
					err := evalWords(ctx, s, words...)
					cancel()
					status := printError(&errs, s.style, err)
					s.Close()
					if n := len(errs.String()); n > render.MaxMessage+maxHints {
						t.Errorf("%s, %s: %d bytes on stderr: %.300q", cmd.Pattern, name, n, errs.String())
					}
					for line := range strings.Lines(errs.String()) {
						if len(line) > render.MaxMessage+20 {
							t.Errorf("%s, %s: a line of %d bytes: %.300q", cmd.Pattern, name, len(line), line)
						}
					}
					if len(asked) > render.MaxMessage {
						t.Errorf("%s, %s: a question of %d bytes", cmd.Pattern, name, len(asked))
					}
					if status != command.StatusOK && errs.String() == "" && !errors.Is(err, command.ErrExit) && ctx.Err() == nil {
						t.Errorf("%s, %s: status %d without a word", cmd.Pattern, name, status)
					}
				}
			}
		})
	}
}

// TestWarningsSeen runs every command that watch takes, and that warns while smtpd is down, in each way in which its output can go
// elsewhere: the warning, or the error, is on standard error or on the screen.
func TestWarningsSeen(t *testing.T) {
	q := newQueueTest(t) // for its files
	for _, cmd := range commandTable() {
		if cmd.Changes() || cmd.Live || cmd.Input != command.NoInput || cmd.Needs == command.NeedsNothing || cmd.Hidden() || cmd.Group == command.GroupSession ||
			cmd.Pattern == "show log <logged...>" || strings.HasPrefix(cmd.Pattern, "show journal") || cmd.Pattern == "show holds" { // which ask smtpd for nothing
			continue
		}
		id := q.sim.Envelopes()[0].ID
		line := cmd.Pattern
		for from, to := range map[string]string{"<query...>": "limit=9", "<grouping...>": "domain", "<envelope>": id.String(), "<id>": id.String()} {
			line = strings.ReplaceAll(line, from, to)
		}
		if strings.Contains(line, "<") {
			t.Errorf("no arguments for %s", line)
		}
		for _, way := range []string{"", "watch ", " > ", " | cat", "screen"} {
			t.Run(line+way, func(t *testing.T) {
				t.Parallel()
				seesWarning(t, q, line, way)
			})
		}
	}
}

// seesWarning runs a command in one of these ways.
func seesWarning(t *testing.T, q *queueTest, line, way string) {
	var out, errs realsmtpd.LockedBuffer
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = t.TempDir()+"/nobody", q.s.opts.Spool
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(name string) string { return map[string]string{"TERM": "xterm"}[name] }})
	if way == " | cat" {
		s.mode = command.AtPrompt
	}
	whole := line + way
	switch way {
	case " > ":
		whole += t.TempDir() + "/out"
	case "watch ", "screen":
		whole = "watch 60 " + line
	}
	if s.out.Tty = way == "screen"; s.out.Tty {
		s.err = io.Discard // what is not on the screen would be covered
		s.io.Err = s.err
	}
	watched := strings.HasPrefix(whole, "watch ") // it does not end by itself
	seen := func() bool {
		said := errs.String()
		if watched {
			said += out.String()
		}
		return strings.Contains(said, "smtpd is not running") || strings.Contains(said, "does not seem to be running")
	}
	limit := 20 * time.Second
	silent := strings.HasPrefix(line, "show message") || strings.HasPrefix(line, "show envelope")
	if watched && silent {
		limit = 400 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Eval(ctx, whole) }()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-ended:
			waiting = false
		case <-time.After(5 * time.Millisecond):
			if watched && seen() {
				cancel()
			}
		}
	}
	s.out.Flush()
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		printError(&errs, s.style, err)
	}
	s.Close()
	if !seen() && !silent {
		t.Errorf("%s: stderr %q, stdout %q", whole, errs.String(), out.String())
	}
}

// TestHeldWarnings keeps warnings back without limit and with: each is shown once.
func TestHeldWarnings(t *testing.T) {
	var h command.Held
	for range 3 {
		fmt.Fprintln(&h, "twice")
	}
	if got := h.String(); got != "twice\n" {
		t.Errorf("%q", got)
	}
	for range 1000 {
		fmt.Fprintln(&h, strings.Repeat("x", 100))
	}
	if got := h.String(); len(got) > command.MaxHeld || !strings.Contains(got, "more lines of warnings left out") {
		t.Errorf("%q", got)
	}
}
