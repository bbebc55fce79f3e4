package remote

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/remote/sshdtest"
)

// openLink returns the ssh of a machine of a new sshd.
func openLink(t *testing.T, extra string) (*link, *sshdtest.Server) {
	t.Helper()
	srv, f := reach(t, extra)
	connect(t, f, time.Minute)
	return f.Host("mx1").link, srv
}

// TestMuxPrograms starts programs by the control socket of ssh: their input, both of their outputs,
// how they end, and that no ssh is started for them.
func TestMuxPrograms(t *testing.T) {
	t.Parallel()
	l, srv := openLink(t, "")
	before := sshdtest.Clients(t, srv.Dir)
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for _, tt := range []struct {
		command, in, out, errs, end string
	}{
		{"cat", "a\x00b\n", "a\x00b\n", "", "<nil>"},
		{"cat", string(big), string(big), "", "<nil>"},
		{"true", "", "", "", "<nil>"},
		{`sh -c "echo o; echo e >&2; exit 3"`, "", "o\n", "e", "exit status 3"},
		{`sh -c "exit 255"`, "", "", "", "exit status 255"},
		{`sh -c "kill -9 \$\$"`, "", "", "", "it ended without an exit status"},
		{"/nonexistent/program", "", "", "", "exit status 127"},
		{`sh -c "yes 0123456789 | head -c 4000000 >&2; echo done"`, "", "done\n", "", "<nil>"}, // more than pipe and ssh hold
	} {
		p, err := l.open(tt.command)
		if err != nil {
			t.Fatal(err)
		}
		p.SetDeadline(time.Now().Add(time.Minute))
		go func() {
			io.WriteString(p, tt.in)
			p.CloseWrite()
		}()
		out, err := io.ReadAll(p)
		if end := p.end(context.Background()); err != nil || string(out) != tt.out || fmt.Sprint(end) != tt.end {
			t.Errorf("%s: %d bytes, %v, %v", tt.command, len(out), err, end)
		}
		if words := strings.Join(p.words.last(), "\n"); tt.errs != "" && words != tt.errs {
			t.Errorf("%s: %q", tt.command, words)
		}
		p.Close()
	}
	if after := sshdtest.Clients(t, srv.Dir); !slices.Equal(after, before) {
		t.Errorf("processes: %q, before %q", after, before)
	}
}

// TestMuxEnds ends what runs there: by its input, at once where it does not heed that, and with ssh.
func TestMuxEnds(t *testing.T) {
	t.Parallel()
	l, _ := openLink(t, "")
	for _, command := range []string{"cat", `sh -c "trap : HUP; while :; do sleep 1; done"`} {
		p, err := l.open(command)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Read(nil); err != nil { // it has begun
			t.Fatal(err)
		}
		p.Close()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if p.end(ctx); ctx.Err() != nil {
			t.Errorf("%s does not end", command)
		}
		cancel()
	}
	p, err := l.open("sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(nil); err != nil {
		t.Fatal(err)
	}
	l.quit()
	p.SetDeadline(time.Now().Add(time.Minute))
	if out, err := io.ReadAll(p); len(out) > 0 || err != nil || p.end(context.Background()) == nil {
		t.Errorf("after the end of ssh: %q, %v, %v", out, err, p.err)
	}
	<-l.done
	p, err = l.open("true")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(p); err != nil || p.end(context.Background()) == nil || len(p.words.last()) != 1 {
		t.Errorf("without an ssh: %v, %v, %q", err, p.err, p.words.last())
	}
}

// TestMuxRefused asks for what sshd refuses: the connection ends, and its words are the reason.
func TestMuxRefused(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	for name, tt := range map[string]struct {
		extra string
		open  func(l *link) (*program, error)
	}{
		"no port":     {"", func(l *link) (*program, error) { return l.tcp("127.0.0.1", uint16(closed)) }},
		"not allowed": {"AllowTcpForwarding no", func(l *link) (*program, error) { return l.tcp("127.0.0.1", uint16(closed)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := openLink(t, tt.extra)
			p, err := tt.open(l)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			p.SetDeadline(time.Now().Add(time.Minute))
			out, err := io.ReadAll(p)
			end := p.end(context.Background())
			if words := p.words.last(); len(out) > 0 || err != nil || end == nil || len(words) != 1 || !strings.Contains(words[0], "refused") {
				t.Errorf("%q, %v, %v, %q", out, err, end, words)
			}
			if l.ended() {
				t.Error("ssh has ended")
			}
		})
	}
}

// TestMuxLost ends ssh while something waits for a program there: that is the reason of its failure.
func TestMuxLost(t *testing.T) {
	t.Parallel()
	srv, f := reach(t, "")
	dir := filepath.Join(srv.Dir, "locked")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		connect(t, f, time.Minute)
		h := f.Host("mx1")
		l := h.link
		unlock, err := h.Lock(context.Background(), "/run/none.sock", dir, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		waits := make(chan error, 3)
		go func() {
			_, err := h.Lock(context.Background(), "/run/none.sock", dir, time.Minute)
			waits <- err
		}()
		go func() {
			_, err := l.sh(context.Background(), "", "sleep 600\n", 10)
			waits <- err
		}()
		go func() {
			p, err := l.open("sleep 600")
			if err == nil {
				io.ReadAll(p)
				if p.end(context.Background()); !l.ended() {
					t.Error("the program has ended, and not ssh")
				}
				err = l.err
			}
			waits <- err
		}()
		time.Sleep(200 * time.Millisecond)
		l.cmd.Process.Kill()
		for range 3 {
			if err := <-waits; !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "ssh: the connection was closed") {
				t.Errorf("%v", err)
			}
		}
		unlock()
	}
}

// muxMessage returns a message of a control socket.
func muxMessage(is uint32, numbers ...uint32) string {
	b := binary.BigEndian.AppendUint32(nil, uint32(4+4*len(numbers)))
	for _, n := range append([]uint32{is}, numbers...) {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

// muxSays returns a message of a control socket with a reason.
func muxSays(is uint32, reason string) string {
	text := muxMessage(is, muxRequest, uint32(len(reason))) + reason
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))) + text[4:]
}

// TestMuxHostile lets something else than OpenSSH answer at the control socket, cut after each byte,
// or with lengths and types that no ssh sends: each is an error in time.
func TestMuxHostile(t *testing.T) {
	t.Parallel()
	dir := smtpdsim.ShortTemp(80)
	hello := muxMessage(muxHello, muxVersion)
	good := hello + muxMessage(muxOpened, muxRequest, 7) + muxMessage(muxExit, 7, 5)
	type answer struct{ text, begin, end string }
	answers := []answer{{good, "", "exit status 5"},
		{hello + muxMessage(muxOpened, muxRequest, 7) + muxMessage(0x80000008, 7) + muxMessage(muxExit, 7, 0), "", "<nil>"},
		{hello + muxMessage(muxOpened, muxRequest, 7) + muxMessage(muxExit, 7), "", errNoStatus.Error()},
		{hello + muxSays(muxFailure, "no room"), "no room", ""}, {hello + muxSays(muxDenied, ""), "refused", ""},
		{muxMessage(muxHello, 3), errMux.Error(), ""}, {muxMessage(muxOpened, 4), errMux.Error(), ""}, {"HTTP/1.1 400 Bad Request\r\n\r\n", errMux.Error(), ""},
		{hello + "\xff\xff\xff\xff" + strings.Repeat("x", 100), errMux.Error(), ""}, {hello + "\x00\x00\x00\x00xxxx", errMux.Error(), ""},
		{hello + muxMessage(muxExit, 7, 0), errMux.Error(), ""}, {"", "EOF", ""}}
	for n := range good {
		if n < len(hello)+16 {
			answers = append(answers, answer{good[:n], "EOF", ""})
		} else {
			answers = append(answers, answer{good[:n], "", errNoStatus.Error()})
		}
	}
	for i, a := range answers {
		path := filepath.Join(dir, fmt.Sprintf("mux-%d-%d", time.Now().UnixNano()%1e6, i))
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, nc)
			io.WriteString(nc, a.text)
			nc.(*net.UnixConn).CloseWrite()
		}()
		m, err := dialMux(context.Background(), path)
		var end error
		if err == nil {
			m.SetDeadline(time.Now().Add(time.Minute))
			if err = m.session("true"); err == nil {
				end = m.wait()
			}
			m.Close()
		}
		ln.Close()
		if (err == nil) != (a.begin == "") || err != nil && !strings.Contains(err.Error(), a.begin) || err == nil && fmt.Sprint(end) != a.end {
			t.Errorf("%q: %v, %v; want %s, %s", a.text, err, end, a.begin, a.end)
		}
	}
	// One that says nothing is left when the context ends.
	path := filepath.Join(dir, fmt.Sprintf("mux-%d", time.Now().UnixNano()%1e6))
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := dialMux(ctx, path); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("silent: %v", err)
	}
}
