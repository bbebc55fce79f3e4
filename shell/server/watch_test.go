package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// TestWatchDiff compares listings, and says what has come, gone and changed.
func TestWatchDiff(t *testing.T) {
	const a, b, c = "abcd000100000001", "abcd000100000002", "abcd000100000003"
	before := []string{"ID AGE STATE", a + " 1h pending x@y", "  451 later", b + " 2h pending x@z", c + " 3h pending x@w"}
	now := []string{"ID AGE STATE", a + " 1h1s inflight x@y", "  550 never", c + " 3h pending x@w", "abcd000100000004 0s pending n@n"}
	d := diffRows(newWatchRows(before), newWatchRows(now), true, true, nil)
	var got []string
	for _, r := range d.rows {
		got = append(got, string(r.mark)+" "+r.raw)
	}
	want := []string{"  ID AGE STATE", "* " + a + " 1h1s inflight x@y", "*   550 never", "- " + b + " 2h pending x@z", "  " + c + " 3h pending x@w", "+ abcd000100000004 0s pending n@n"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if d.came != 1 || d.gone != 1 || d.different != 2 {
		t.Errorf("%d came, %d went, %d changed", d.came, d.gone, d.different)
	}
	if got, want := d.rows[1].draw(render.NewStyle(true), 80), "* "+a+" 1h1s \x1b[7minflight\x1b[27m x@y"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if d := diffRows(newWatchRows(before), newWatchRows(now), false, true, nil); d.came+d.gone != 0 || len(d.rows) != len(now) {
		t.Errorf("of listings that were cut off: %d came, %d went", d.came, d.gone)
	}
}

// TestWatchDiffMachines compares listings of several machines, of which one may be missing, in
// each format: an envelope is another one on another machine, and nothing of a machine that is
// missing has come or gone.
func TestWatchDiffMachines(t *testing.T) {
	const a, b = "abcd000100000001", "abcd000100000002"
	for _, format := range []string{"%s    %s 1h %s x@y", "%s:%s|1h|%s|x@y", "%s: %s 1h %s", `{"server":"%s","id":"%s","state":"%s"}`, "%s,%s,%s"} {
		row := func(host, id, state string) string { return fmt.Sprintf(format, host, id, state) }
		all := []string{row("mx1", a, "pending"), row("mx1", b, "pending"), row("mx2", a, "pending"), row("mx2", b, "pending")}
		for _, missing := range []string{"", "mx2"} {
			for _, back := range []bool{false, true} {
				before, now := all, all[:2]
				if back {
					before, now = now, before
				}
				unknown := map[string]bool{}
				want := 2
				if missing != "" {
					unknown[missing], want = true, 0
				}
				d := diffRows(newWatchRows(before, "mx1", "mx2"), newWatchRows(now, "mx1", "mx2"), true, true, unknown)
				if d.came+d.gone != want || d.different != 0 {
					t.Errorf("%s, missing %q, back %v: %d came, %d went, %d changed", format, missing, back, d.came, d.gone, d.different)
				}
				for _, r := range d.rows {
					if want == 0 && r.mark != ' ' {
						t.Errorf("%s: marked %c", r.raw, r.mark)
					}
				}
			}
		}
	}
	before := []string{"mx1 " + a + " 1h pending", "  451 later", "mx2 " + a + " 1h pending", "  451 later"}
	now := []string{"mx1 " + a + " 1h pending", "  550 never", "mx2 " + a + " 1h inflight", "  451 later"}
	d := diffRows(newWatchRows(before, "mx1", "mx2"), newWatchRows(now, "mx1", "mx2"), true, true, nil)
	var marks []byte
	for _, r := range d.rows {
		marks = append(marks, r.mark)
	}
	if string(marks) != " ** " || d.different != 2 || d.came+d.gone != 0 {
		t.Errorf("%q, %+v", marks, d)
	}
}

// TestWatchSeconds tells the seconds from the command: completion and the handler agree.
func TestWatchSeconds(t *testing.T) {
	for word, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0.1": watchMin, ".5": watchMin * 5, "1e1": 10 * time.Second, "+2": 2 * time.Second, "86400": watchMax, "0x2": 0,
		"-1": 0, "0": 0, "0.09": 0, "86401": 0, "1e300": 0, "1e999": 0, "inf": 0, "NaN": 0,
		".": watchDefault, "": watchDefault, "1.2.3": watchDefault, "show": watchDefault, "5s": watchDefault,
	} {
		every, rest, err := watchInterval([]string{word, "show"})
		if word == "0x2" { // a number only with an exponent
			want = watchDefault
		}
		if (err == nil) != (want != 0) || err == nil && every != want {
			t.Errorf("%q: %v, %v, want %v", word, every, err, want)
		}
		if inner := watched([]string{word, "show"}); err == nil && len(inner) != len(rest) || err != nil && len(inner) != 1 {
			t.Errorf("%q: the handler runs %q (%v), completion sees %q", word, rest, err, inner)
		}
	}
}

// TestFreshWords tells new words from those that moved, and leaves ages alone.
func TestFreshWords(t *testing.T) {
	for _, tt := range []struct{ before, now, want string }{
		{"a b c", "a b c", ""}, {"a 5s c", "a 1m5s c", ""}, {"a b c", "a x c", "x"}, {"pending 5m to", "inflight to 451 later", "inflight 451 later"},
		{"a b", "a", "-"}, {"", "a", "a"}, {"a", "", "-"}, {"now", "5m", "5m"}, {"al…@x.org b", "alice@x.org b", ""}, {"al…@x.org", "bob@x.org", "bob@x.org"},
		{"alice@x.org", "a…@x.org", ""}, {"…@x.org", "…ice@x.org", ""},
	} {
		fresh := freshWords(strings.Fields(tt.before), strings.Fields(tt.now))
		var got []string
		for i, w := range strings.Fields(tt.now) {
			if fresh != nil && fresh[i] {
				got = append(got, w)
			}
		}
		if text := strings.Join(got, " "); text != strings.Trim(tt.want, "-") || (fresh == nil) != (tt.want == "") {
			t.Errorf("%q, %q: %q, %v, want %q", tt.before, tt.now, text, fresh, tt.want)
		}
	}
}

// TestCapture holds so many lines and bytes, and no more.
func TestCapture(t *testing.T) {
	var w capture
	var err error
	for range 2 * watchLinesMost {
		if _, err = io.WriteString(&w, "line\nline"); err != nil {
			break
		}
	}
	if !errors.Is(err, errWatchFull) || len(w.lines()) != watchLinesMost || !w.full {
		t.Errorf("%v, %d lines", err, len(w.lines()))
	}
	w = capture{}
	if _, err := io.WriteString(&w, strings.Repeat("x", 2*watchBytesMost)); !errors.Is(err, errWatchFull) || w.text.Len() > watchBytesMost {
		t.Errorf("%v, %d bytes", err, w.text.Len())
	}
}

// watchHost is a session of which the watched command prints so many lines.
type watchHost struct{ print func(n int) string }

func (h *watchHost) Parse([]string, string) (*command.Call, error) { return nil, nil }

func (h *watchHost) RunTo(context.Context, *command.Call, io.Writer) error { return nil }

func (h *watchHost) RunShown(_ context.Context, c *command.Call, w io.Writer) (int, error) {
	c.Out = command.NewOutput(w, true, render.Style{})
	c.Warnf("a warning that is wider than the screen: %s", strings.Repeat("warn ", 50))
	_, err := io.WriteString(w, h.print(0))
	return 1, err
}

// TestWatchSizes draws what is watched on screens of many sizes: no line is longer, no
// screen higher, the warning and the heads are there, and every key scrolls.
func TestWatchSizes(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {40, 12}, {200, 50}, {20, 5}, {1, 1}} {
		for _, lines := range []int{0, 1, 15, 300} {
			var out strings.Builder
			times := 0
			host := &watchHost{func(int) string {
				times++
				text := "HEAD\n"
				for i := range lines {
					text += fmt.Sprintf("abcd%012x \x1b[31m%d\x1b[0m 日本語 %s\n", i, times*i, strings.Repeat("y", i))
				}
				return text
			}}
			env := command.Env{Out: command.NewOutput(&out, true, render.NewStyle(true)), Err: io.Discard, Getenv: func(string) string { return "xterm" }, Host: host,
				Screen: func() (int, int) { return size[0], size[1] }, LinkTo: func(command.Options) *protocol.Conn { return nil }}
			c := &command.Call{Env: env, Cmd: &command.Command{}}
			inner := *c
			inner.Path = []string{"show", "queue"}
			keys := make(chan string)
			env.Keys = func() (<-chan string, func()) { return keys, func() {} }
			c.Env = env
			go func() {
				for _, k := range []string{"down", "page down", "end", "up", "page up", "home", " ", "x", "end", "q"} {
					keys <- k
				}
			}()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			err := watchScreen(ctx, c, &inner, time.Hour)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			c.Out.Flush()
			for _, screen := range strings.Split(out.String(), "\x1b[H")[1:] {
				screen, _, _ = strings.Cut(screen, "\x1b[J")
				rows := strings.Split(screen, "\n")
				if len(rows) > size[1] {
					t.Fatalf("%v: %d rows", size, len(rows))
				}
				for _, row := range rows {
					if w := render.Width(escapes().ReplaceAllString(strings.TrimSuffix(row, "\x1b[K"), "")); w > size[0] {
						t.Fatalf("%v: %d columns: %q", size, w, row)
					}
				}
				if size[1] > 5 && size[0] > 10 && (!strings.Contains(screen, "a warni") || !strings.Contains(screen, "HEAD")) {
					t.Fatalf("%v: %q", size, screen)
				}
			}
		}
	}
}
