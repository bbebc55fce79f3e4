package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/remote/sshdtest"
)

// A recorder keeps the beginning of what comes over each connection to a simulated smtpd.
type recorder struct {
	opened func() // is called for each connection, nil for nothing
	asked  func() // is called for the first bytes of each, nil for nothing

	mu  sync.Mutex
	all []*recorded
}

type recorded struct {
	net.Conn
	r    *recorder
	head []byte
}

func (r *recorder) wrap(nc net.Conn) net.Conn {
	c := &recorded{Conn: nc, r: r}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all = append(r.all, c); r.opened != nil {
		r.opened()
	}
	return c
}

func (c *recorded) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	if n > 0 && len(c.head) == 0 && c.r.asked != nil {
		c.r.asked()
	}
	if len(c.head) < 1<<10 {
		c.head = append(c.head, p[:n]...)
	}
	return n, err
}

// check fails unless each connection has had only frames of a layout, or nothing, and returns how
// many had frames, and how many there were.
func (r *recorder) check(t *testing.T, l protocol.Layout) (asked, opened int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.all {
		if len(c.head) > 0 {
			asked++
		}
		for b := c.head; len(b) > 0; {
			f, n, err := l.DecodeFrame(b)
			if err != nil || n == 0 || f.Type == 0 || f.Type > 40 || f.PeerID != protocol.Version {
				t.Errorf("smtpd gets no frame of its machine: %x, %v", b[:min(32, len(b))], err)
				break
			}
			b = b[n:]
		}
	}
	return asked, len(r.all)
}

// farPrograms makes an sshd whose sessions find programs of the test first, and returns what
// writes such a program.
func farPrograms(t *testing.T, srv *sshdtest.Server) (fake func(name, text string)) {
	t.Helper()
	bin := filepath.Join(srv.Dir, "far")
	os.Mkdir(bin, 0o700)
	srv.SetExtra(sshdtest.SetEnv("PATH=" + bin + ":/usr/bin:/bin:/usr/sbin:/sbin"))
	return func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAhead has a machine whose facts come only when smtpd has been connected to, the last of
// them only when it has been asked: so neither waits for the facts, however long the way is.
// smtpd gets one connection.
func TestAhead(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	for i, trip := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond, 400 * time.Millisecond} {
		if !fulltest.Takes(i, 2) {
			continue
		}
		t.Run(trip.String(), func(t *testing.T) {
			t.Parallel()
			srv, f := reach(t, "")
			fake := farPrograms(t, srv)
			if trip > 0 {
				srv.Slow(trip)
			}
			mark := func(name string) func() {
				return func() { os.WriteFile(filepath.Join(srv.Dir, name), nil, 0o600) }
			}
			wait := func(name string) string {
				return "while [ -d " + srv.Dir + " ] && [ ! -e " + filepath.Join(srv.Dir, name) + " ]; do sleep 0.01; done"
			}
			rec := &recorder{opened: mark("opened"), asked: mark("asked")}
			fake("uname", wait("opened")+"\nexec /usr/bin/uname \"$@\"")
			fake("date", wait("asked")+"\nexec /usr/bin/date \"$@\"")
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3, Fault: rec.wrap})
			h := f.Host("mx1")
			conn, err := h.Dial(context.Background(), socket, opts, Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			}
			if facts, _ := h.Facts(); facts.Zone == nil || facts.Smtpd == "" && facts.OS == "" {
				t.Errorf("%+v", facts)
			}
			if _, way := h.Reached(socket); way != "forwarding" || !conn.Alive() {
				t.Errorf("way %q", way)
			}
			if st := h.Status(socket); st.Trip < trip || conn.Far() != (st.Trip >= time.Millisecond) {
				t.Errorf("a round trip of %v, want %v or somewhat more", st.Trip, trip)
			}
			if n, all := rec.check(t, protocol.HostLayout()); n != 1 || all != 1 {
				t.Errorf("%d connections, %d with questions", all, n)
			}
			second, err := h.Dial(context.Background(), socket, opts, Options{})
			if err != nil {
				t.Fatal(err)
			}
			second.Close()
			conn.Close()
			f.Close()
			gone(t, srv.Dir)
		})
	}
}

// TestAheadNotTaken has machines on which the forwarding is not the way, or that may not be asked
// so early: what was opened is closed, and no error tells of it. TestLayouts has such with another
// byte order.
func TestAheadNotTaken(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	for i, tt := range []struct {
		name, extra, program, text string
		o                          Options
		way, want                  string
		asked                      int // connections on which smtpd is asked
	}{
		{"not root", "", "id", "echo 1000", Options{}, "", "the user there is not root", 0},
		{"unknown order", "", "od", "cat >/dev/null; exit 1", Options{}, "forwarding", "", 1},
		{"not allowed", "AllowStreamLocalForwarding no", "true", "", Options{}, "nc", "", 1},
		{"another way", "", "true", "", Options{Way: "nc", WaySet: "the test"}, "nc", "", 1},
		{"set", "", "true", "", Options{Way: "forward", WaySet: "the test"}, "forwarding", "", 1},
		{"set, not allowed", "AllowStreamLocalForwarding no", "true", "", Options{Way: "forward", WaySet: "the test"}, "", "way=forward, which the test sets, does not work", 0},
		{"no facts", "", "uname", "kill -9 $PPID", Options{}, "", "cannot be reached|the connection was closed", 0}, // either end is seen first
	} {
		if !fulltest.Takes(i, 2) {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, f := reach(t, tt.extra)
			fake := farPrograms(t, srv)
			if tt.extra != "" {
				srv.SetExtra(tt.extra)
			}
			fake(tt.program, tt.text)
			if tt.name == "not root" { // and cannot become root
				for _, name := range []string{"sudo", "doas"} {
					fake(name, "echo "+name+": no >&2; exit 1")
				}
			}
			rec := &recorder{}
			_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3, Fault: rec.wrap})
			h := f.Host("mx1")
			conn, err := h.Dial(context.Background(), socket, opts, tt.o)
			if tt.way != "" && err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			}
			if _, way := h.Reached(socket); way != tt.way || (err == nil) != (tt.way != "") {
				t.Errorf("way %q, %v", way, err)
			}
			if err != nil {
				if text := err.Error(); tt.name != "not root" && !regexp.MustCompile(tt.want).MatchString(text) || strings.Contains(text, "channel") || strings.Contains(text, "\n") {
					t.Errorf("%v, want %q", err, tt.want)
				}
			} else if _, err := conn.Status(context.Background()); err != nil {
				t.Error(err)
			}
			if n, _ := rec.check(t, protocol.HostLayout()); n != tt.asked {
				t.Errorf("smtpd was asked over %d connections, want %d", n, tt.asked)
			}
			f.Close()
			gone(t, srv.Dir)
		})
	}
}

// TestAheadInterrupted ends the wait for a machine at any moment: the error is that of the end,
// the next Dial reaches smtpd, and nothing is left behind.
func TestAheadInterrupted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv, f := reach(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
	why := errors.New("interrupted")
	hosts := fulltest.Of(9, 4)
	for i := 0; i < 12; i += fulltest.Of(1, 3) {
		h := f.Host(fmt.Sprint("mx", i%hosts+1))
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Duration(i)*15*time.Millisecond, func() { cancel(why) })
		if conn, err := h.Dial(ctx, socket, opts, Options{}); err == nil {
			conn.Close()
		} else if !errors.Is(err, why) {
			t.Errorf("after %d: %v", i, err)
		}
		cancel(nil)
	}
	for i := range hosts {
		conn, err := f.Host(fmt.Sprint("mx", i+1)).Dial(context.Background(), socket, opts, Options{})
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	f.Close()
	gone(t, srv.Dir)
}
