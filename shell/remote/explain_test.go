package remote

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
)

// TestSilent tells a machine that does not answer from an smtpd that does not.
func TestSilent(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv, f := reach(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
	h := f.Host("mx1")
	ctx := context.Background()
	o := opts
	if _, err := h.Dial(ctx, socket, o, Options{}); err != nil { // the time of ssh
		t.Fatal(err)
	}
	o.Timeout = 3 * time.Second
	conn, err := h.Dial(ctx, socket, o, Options{})
	if err != nil {
		t.Fatal(err)
	}
	stuck := filepath.Join(srv.Dir, "stuck.sock")
	ln, err := net.Listen("unix", stuck)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	o.Timeout = 200 * time.Millisecond
	_, err = h.Dial(ctx, stuck, o, Options{})
	if err = h.Explain(err); !errors.Is(err, protocol.ErrTimeout) || strings.Contains(err.Error(), "machine") || !strings.Contains(command.Advice(err), "look at its log") {
		t.Errorf("smtpd: %v%s", err, command.Advice(err))
	}
	stopped := srv.Sessions()
	for _, pid := range stopped {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	_, err = conn.Status(ctx)
	err = h.Explain(err)
	for _, pid := range stopped {
		syscall.Kill(pid, syscall.SIGCONT)
	}
	if !errors.Is(err, protocol.ErrTimeout) || !strings.HasSuffix(err.Error(), ", and none from the machine itself") || !strings.Contains(command.Advice(err), "ssh mx1 answers") {
		t.Errorf("machine: %v%s", err, command.Advice(err))
	}
	f.Close()
	gone(t, srv.Dir)
}

// TestPortInName gives advice where a name has a port, and only there.
func TestPortInName(t *testing.T) {
	for name, want := range map[string]bool{"mx1": false, "mx1:22": true, "root@192.0.2.1:2222": true, "2001:db8::1": false, "::1": false, "a:b": false, "a:": false} {
		for _, cause := range []error{ErrUnreachable, protocol.ErrNotRunning} {
			err := notFound(name, cause)
			if got := command.Advice(err) != command.Advice(cause); got != (want && cause == ErrUnreachable) || !errors.Is(err, cause) || err.Error() != cause.Error() {
				t.Errorf("%s: %v%s", name, err, command.Advice(err))
			}
		}
	}
}
