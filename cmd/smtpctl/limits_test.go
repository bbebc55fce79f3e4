package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/spool"
)

// maxResident is how much memory any command of these tests may take, in KiB, and
// maxData what the system lets it have at all.
const (
	maxResident = 400 << 10
	maxData     = 900 << 10
)

// bounded runs the program where memory is scarce and returns what came of it. It
// fails the test if that took too much memory, or too long, or ended in a crash.
func bounded(t *testing.T, stdin io.Reader, out io.Writer, args ...string) result {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector takes more memory than the program may have here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // a minute passes on a busy machine
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", fmt.Sprintf(`ulimit -d %d; exec "$@"`, maxData), "sh", program}, args...)...)
	var stdout, stderr bytes.Buffer
	if out == nil {
		out = &stdout
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, out, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	r := result{stdout: stdout.String(), stderr: stderr.String(), status: cmd.ProcessState.ExitCode()}
	if ctx.Err() != nil {
		t.Errorf("%q did not end: %.300s", args, r.stderr)
	}
	if use, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && use.Maxrss > maxResident {
		t.Errorf("%q took %d KiB", args, use.Maxrss)
	}
	if strings.Contains(r.stderr, "goroutine ") || strings.Contains(r.stderr, "out of memory") {
		t.Errorf("%q crashed: %.300s", args, r.stderr)
	}
	if len(r.stderr) > 4000 {
		t.Errorf("%q: an error of %d bytes", args, len(r.stderr))
	}
	return r
}

// An endless reader reads a text again and again, or zeros if that is empty.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.text == "" {
		clear(p)
		return len(p), nil
	}
	for n := 0; n < len(p); {
		k := copy(p[n:], e.text[e.at:])
		n, e.at = n+k, (e.at+k)%len(e.text)
	}
	return len(p), nil
}

// TestLimitsOfFiles gives every command that reads the spool files without an end:
// sparse, and small ones that grow when they are decompressed.
func TestLimitsOfFiles(t *testing.T) {
	t.Parallel()
	const huge = 10 << 30
	id := protocol.EnvelopeID(0x0700000100000001)
	bomb := func(head string, size int64) []byte {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
		io.WriteString(z, head)
		io.CopyN(z, &endless{}, size)
		z.Close()
		return b.Bytes()
	}
	size, pipe := int64(fulltest.Of(500<<20, 40<<20)), int64(fulltest.Of(64<<20, 4<<20))
	small := bomb("version: 3\ntype: mta\ntag: ", size)
	for name, tt := range map[string]struct {
		envelope, message func(path string) error
		args              string
		status            int
		want              string
	}{
		"sparse message as JSON":   {message: sparse(int64(fulltest.Of(2<<30, 64<<20))), args: "show message ID -o json", status: -1},
		"sparse message's headers": {message: sparse(huge), args: "show message ID --headers", status: 1, want: "the headers are longer than 8388608 bytes"},
		"the same as JSON":         {message: sparse(huge), args: "show message ID --headers -o json", status: 1, want: "the headers are longer than 8388608 bytes"},
		"bomb as a message":        {message: content(small), args: "show message ID -o json", status: 0},
		"encrypted message":        {message: sparseAfter("\x01", huge), args: "show message ID --key-file KEY", status: 1, want: "too large"},
		"sparse envelope":          {envelope: sparse(huge), args: "show envelope ID", status: 1, want: "too large: it has more than 1048576 bytes"},
		"sparse envelope, table":   {envelope: sparse(huge), args: "show envelope ID -o table", status: 1, want: "too large"},
		"sparse envelope, JSON":    {envelope: sparse(huge), args: "show envelope ID -o json", status: 1, want: "too large"},
		"bomb as an envelope":      {envelope: content(small), args: "show envelope ID", status: 1, want: "too large"},
		"the bomb as a table":      {envelope: content(small), args: "show envelope ID -o table", status: 1, want: "too large"},
		"the bomb in the queue":    {envelope: content(small), args: "show queue", status: 1, want: "too large"},
		"the bomb explained":       {envelope: content(small), args: "show queue by domain", status: 1, want: "too large"},
		"sparse, in the queue":     {envelope: sparse(huge), args: "show queue -o json", status: 1, want: "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			key := filepath.Join(dir, "key")
			os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600)
			sp := spool.Open(dir)
			if err := os.MkdirAll(sp.MessageDir(id.Msg()), 0o700); err != nil {
				t.Fatal(err)
			}
			for path, f := range map[string]func(string) error{sp.EnvelopePath(id): tt.envelope, sp.MessagePath(id.Msg()): tt.message} {
				if f == nil {
					f = content([]byte("version: 3\ntype: mta\n"))
				}
				if err := f(path); err != nil {
					t.Fatal(err)
				}
			}
			args := strings.Fields(strings.NewReplacer("ID", id.String(), "KEY", key).Replace(tt.args))
			if strings.HasPrefix(tt.args, "show message") {
				args[2] = id.Msg().String()
			}
			args = append([]string{"--spool", dir, "--socket", filepath.Join(dir, "none")}, args...)
			if tt.status == -1 { // it goes on for long: whoever reads it has enough some time
				r, w, _ := os.Pipe()
				go func() {
					io.CopyN(io.Discard, r, pipe)
					r.Close()
				}()
				bounded(t, nil, w, args...)
				w.Close()
				return
			}
			var n byteCounter
			if r := bounded(t, nil, &n, args...); r.status != tt.status || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("%v", r)
			}
		})
	}
}

type byteCounter int64

func (n *byteCounter) Write(p []byte) (int, error) {
	*n += byteCounter(len(p))
	return len(p), nil
}

func content(b []byte) func(string) error {
	return func(path string) error { return os.WriteFile(path, b, 0o600) }
}

func sparse(size int64) func(string) error { return sparseAfter("", size) }

func sparseAfter(head string, size int64) func(string) error {
	return func(path string) error {
		if err := os.WriteFile(path, []byte(head), 0o600); err != nil {
			return err
		}
		return os.Truncate(path, size)
	}
}

// hostile answers every request with the same frame for ever, and statistics with
// ever another one.
func hostile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	layout := protocol.HostLayout()
	line := append([]byte("1. [] <-> 192.0.2.1 ("+strings.Repeat("x", 15000)+") ---- nconn=0 nerror=0 penalty=0 timeout=-"), 0)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := protocol.NewFrameReader(c, layout)
				n := 0
				for {
					f, err := r.Next()
					if err != nil {
						return
					}
					answer := protocol.Frame{Type: f.Type}
					repeat := 1
					switch f.Type {
					case protocol.TypeShowHosts, protocol.TypeShowRelays, protocol.TypeShowRoutes, protocol.TypeShowHostStats, protocol.TypeShowBlock:
						answer.Payload, repeat = line, 1<<40
					case protocol.TypeGetStats:
						n++
						answer.Payload = make([]byte, len(f.Payload))
						answer.Payload[0] = 1
						copy(answer.Payload[8:], fmt.Sprintf("%06d.%s", n, strings.Repeat("x", 1000)))
					case protocol.TypeListMessages:
						n++
						answer.Payload = binary.NativeEndian.AppendUint32(nil, 1)
					case protocol.TypeShowStatus:
						answer.Payload = make([]byte, 4)
					default:
						return
					}
					b, err := layout.AppendFrame(nil, answer)
					if err != nil {
						return
					}
					for range repeat {
						if _, err := c.Write(b); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return path
}

// TestLimitsOfAnswers asks a peer that has no end of answers for everything that
// it can be asked, in every format.
func TestLimitsOfAnswers(t *testing.T) {
	t.Parallel()
	path := hostile(t)
	for i, command := range []string{"show hosts", "show relays", "show routes", "show hoststats", "show mta paused", "show stats"} {
		formats := []string{"plain", "table", "json", "openmetrics"}
		if !fulltest.On() {
			if i%4 != 1 { // one whose answers are lines, and show stats
				continue
			}
			formats = formats[i%3:][:1]
		}
		for _, format := range formats {
			if format == "openmetrics" && command != "show stats" {
				continue
			}
			t.Run(command+" "+format, func(t *testing.T) {
				t.Parallel()
				want := "of more than 67108864 bytes"
				if command == "show stats" {
					want = "more than 10000 statistics"
				}
				var n byteCounter
				r := bounded(t, nil, &n, append([]string{"--socket", path, "-o", format}, strings.Fields(command)...)...)
				if r.status != 1 || !strings.Contains(r.stderr, want) {
					t.Errorf("status %d, %d bytes: %.300s", r.status, n, r.stderr)
				}
			})
		}
	}
}

// TestLimitsOfStdin reads standard input without an end, in every command that
// reads it.
func TestLimitsOfStdin(t *testing.T) {
	t.Parallel()
	path := hostile(t)
	padding := fulltest.Of(200, 2)
	for _, tt := range []struct {
		input  string
		args   string
		status int
		want   string
	}{
		{"", "", 1, "a line is longer than 1048576 bytes"},
		{"", "-n remove -", 2, "the line is longer than 1048576 bytes"},
		{"x", "show queue -", 2, "the line is longer than 1048576 bytes"},
		{"", "encrypt", 1, "a line is longer than 65536 bytes"},
		{"", "spf walk --resolver 127.0.0.1:9", 1, "a line is longer than 65536 bytes"},
		{"0700000100000001\n", "-n remove -", 2, "more than 5000000 ids"},
		{"0700000100000001|" + strings.Repeat("x", padding) + "\n", "show queue -", 2, "more than 5000000 ids"},
		{strings.Repeat("x", 5000) + "\n", "pause envelope -", 2, "expected"},
	} {
		if !fulltest.On() && strings.HasPrefix(tt.input, "0700000100000001|") {
			continue // it takes a second of the processor, as the one before it does
		}
		t.Run(tt.args+" "+tt.input[:min(len(tt.input), 5)], func(t *testing.T) {
			t.Parallel()
			r := bounded(t, &endless{text: tt.input}, nil, append([]string{"--socket", path}, strings.Fields(tt.args)...)...)
			if r.status != tt.status || !strings.Contains(r.stderr, tt.want) {
				t.Errorf("status %d: %.300s", r.status, r.stderr)
			}
		})
	}
}
