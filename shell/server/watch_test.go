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
	d := diffRows(newWatchRows(before), newWatchRows(now), true, true)
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
	if d := diffRows(newWatchRows(before), newWatchRows(now), false, true); d.came+d.gone != 0 || len(d.rows) != len(now) {
		t.Errorf("of listings that were cut off: %d came, %d went", d.came, d.gone)
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

func (h *watchHost) Parse([]string) (*command.Call, error) { return nil, nil }

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
				Screen: func() (int, int) { return size[0], size[1] }, Linked: func() *protocol.Conn { return nil }}
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
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
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
