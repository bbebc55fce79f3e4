package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// greetings are lines of sh(1) that print what start files print.
var greetings = []struct{ name, script string }{
	{"nothing", ""},
	{"lines", "echo Welcome to mx1; echo 'pyenv: cannot rehash: no room' >&2"},
	{"parts of lines", "printf 'Welcome\\nto mx1'; printf 'stty: no terminal' >&2"},
	{"answers", "echo locked; echo yes; echo; echo uid=0; echo smtpctl: the other side; echo sudo: no >&2"},
	{"much", "i=0; while [ $i -lt 600 ]; do echo 'One of many lines that tell of an upgrade of the system, each with a hundred characters of text.'; i=$((i+1)); done; echo much >&2"},
	{"bytes", "printf '\\001\\377\\000\\000'; printf '\\033[2J\\n' >&2"},
	{"all", ""}, // which stands for one after the other
}

// TestStartFiles uses machines whose login shells print greetings, by each program that
// copies to a socket: all is read as without them, and no error repeats them. Outside CI it takes
// some, and all of them together.
func TestStartFiles(t *testing.T) {
	t.Parallel()
	need(t, "sudo", "nc", "socat")
	for i, g := range greetings {
		if i != 1 && g.name != "all" && !fulltest.On() {
			continue
		}
		if g.name == "all" {
			for _, one := range greetings {
				g.script += one.script + "\n"
			}
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			script := filepath.Join(t.TempDir(), "greeting")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+g.script+"\nexec /bin/sh \"$@\"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			m := sshdtest.Machine{
				Sudoers: "root ALL=(ALL) ALL\n" + sshdtest.User + " ALL=(root) NOPASSWD: ALL\n",
				Shell:   "/usr/local/bin/greeting",
				Mounts: "mount -t tmpfs tmpfs /usr/local/bin\ncp " + script + " /usr/local/bin/greeting\n" +
					"printf '#!/bin/sh\\necho no room >&2; exit 1\\n' >/usr/local/bin/failing\nchmod 755 /usr/local/bin/failing\nmount --bind /usr/local/bin/failing /usr/bin/logger\n",
			}
			if i%2 == 1 {
				m.Without = []string{"nc"}
			}
			srv, f := reachMachine(t, m, sshdtest.User)
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 30})
			ctx, h := context.Background(), f.Host("mx1")
			conn, err := h.Dial(ctx, socket, opts, Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			}
			defer conn.Close()
			n := 0
			for _, err := range conn.Envelopes(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if n < 30 {
				t.Errorf("%d envelopes", n)
			}
			unlock, err := h.Lock(ctx, socket, filepath.Join(srv.Dir, "etc"), time.Second)
			if err != nil {
				t.Errorf("lock: %v", err)
			} else {
				unlock()
			}
			if err := h.Log(ctx, socket, []string{"a line"}); err == nil || !strings.HasSuffix(err.Error(), "logger: no room") {
				t.Errorf("log: %v", err)
			}
			text := strings.Repeat("from the other side\n", 100)
			if err := os.WriteFile(filepath.Join(srv.Dir, "file"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			r, _, err := h.Files(ctx, socket, time.Minute).Open(srv.Dir, filepath.Join(srv.Dir, "file"), 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != text {
				t.Errorf("file: %d bytes, %v", len(got), err)
			}
			r.Close()
			if got := h.look(ctx, h.current(), "/run"); got != absent {
				t.Errorf("look: %v", got)
			}
			_, err = h.Dial(ctx, filepath.Join(srv.Dir, "no.sock"), opts, Options{})
			if err == nil || strings.Contains(err.Error(), "rehash") || strings.Contains(err.Error(), "Welcome") || strings.Contains(err.Error(), begins) {
				t.Errorf("no socket: %v", err)
			}
		})
	}
}

// TestStartSkipper reads greetings in pieces of any size.
func TestStartSkipper(t *testing.T) {
	t.Parallel()
	const text = "\x00\x01what follows\n" + begins + "\n" // which is said once only
	for _, greeting := range []string{"", "\n", "a", "a\n", begins, begins + "x\n", strings.Repeat("x", maxStart/2)} {
		out := greeting + "\n" + begins + "\n" + text
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(out), "bytes": iotest.OneByteReader(strings.NewReader(out)),
			"halves": iotest.HalfReader(strings.NewReader(out)), "with its end": iotest.DataErrReader(strings.NewReader(out)),
		} {
			if got, err := io.ReadAll(&startSkipper{r: r}); err != nil || string(got) != text {
				t.Errorf("%.20q, %s: %q, %v", greeting, name, got, err)
			}
		}
		if rest, ok := afterBegins([]byte(out)); !ok || !bytes.Equal(rest, []byte(text)) {
			t.Errorf("%.20q: %q, %v", greeting, rest, ok)
		}
	}
	if _, err := (&startSkipper{r: strings.NewReader("no shell\n")}).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%v, want the end", err)
	}
	if _, err := (&startSkipper{r: strings.NewReader(strings.Repeat("x", 2*maxStart))}).Read(make([]byte, 1)); !errors.Is(err, errNotBegun) {
		t.Errorf("%v, want %v", err, errNotBegun)
	}
}
