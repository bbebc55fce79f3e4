package shell

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
)

// changing are the types of the answers to requests that change something.
var changing = []protocol.Type{protocol.TypeOK, protocol.TypeFail, protocol.TypeDiscoverEnvelope, protocol.TypeDiscoverMessage}

// TestUnanswered ends each command that changes something, but no envelopes, before each
// answer of smtpd. If the answer is that to the change, the error says that smtpd may have
// done it, and what tells.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	n := 0
	for _, cmd := range NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }}).table {
		if cmd.Effect != command.Changes || cmd.Reach != command.NeedsSocket {
			continue
		}
		n++
		t.Run(cmd.Pattern, func(t *testing.T) {
			t.Parallel()
			unsure := 0
			for at := 1; at < 20; at++ {
				err, changed := interruptedAt(t, commandtest.Lines[cmd.Pattern], at)
				var sig *command.SignalError
				if !errors.As(err, &sig) {
					break
				}
				said := strings.Contains(err.Error(), "smtpd may have done it: ")
				if said != changed {
					t.Errorf("interrupted before answer %d: %q, and it was for a change: %v", at, err, changed)
				}
				if said {
					unsure++
				}
			}
			if unsure == 0 {
				t.Error("never interrupted after the request")
			}
		})
	}
	if n < 15 {
		t.Errorf("%d commands", n)
	}
}

// interruptedAt carries out a line that is interrupted before smtpd's n-th answer, and
// reports whether that was for a request that changes something.
func interruptedAt(t *testing.T, line string, n int) (err error, changed bool) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var smtpd net.Conn
	opts := command.DefaultOptions()
	opts.Spool = t.TempDir()
	answers := 0
	sim, path := simtest.Start(t, smtpdsim.Config{Messages: 2, Mixed: true, Seed: 1, Spool: opts.Spool, Tables: []string{"aliases"}, Fault: func(c net.Conn) net.Conn {
		smtpd = c
		return c
	}, Tamper: func() func(int, []byte) []byte {
		return func(_ int, raw []byte) []byte {
			if answers++; answers == n {
				changed = slices.Contains(changing, protocol.Type(binary.NativeEndian.Uint32(raw)))
				cancel(&command.SignalError{Sig: 2})
				smtpd.Close()
			}
			return raw
		}
	}})
	opts.Socket = path
	copyMessage(t, opts.Spool, "12345678") // for discover
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	s.audit.to = func(string) {}
	err = s.Eval(ctx, line)
	s.Close()
	sim.Close()
	return err, changed
}

// copyMessage copies a message of a spool, with its envelopes, to another message id. A
// smtpd that runs does not know the copy.
func copyMessage(t *testing.T, spool, id string) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(spool, "queue", "*", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no message in %s: %v", spool, err)
	}
	to := filepath.Join(spool, "queue", id[:2], id)
	if err := os.CopyFS(to, os.DirFS(dirs[0])); err != nil {
		t.Fatal(err)
	}
	old := filepath.Base(dirs[0])
	envelopes, _ := filepath.Glob(filepath.Join(to, old+"*"))
	for _, path := range envelopes {
		if err := os.Rename(path, filepath.Join(to, id+strings.TrimPrefix(filepath.Base(path), old))); err != nil {
			t.Fatal(err)
		}
	}
}
