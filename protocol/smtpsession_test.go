package protocol_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestSMTPSession gets a session, and none while smtp is paused.
func TestSMTPSession(t *testing.T) {
	sim, path := simtest.Start(t, smtpdsim.Config{})
	session, err := protocol.DialSMTP(ctx, path, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	session.SetDeadline(time.Now().Add(10 * time.Second))
	if line, err := bufio.NewReader(session).ReadString('\n'); err != nil || !strings.HasPrefix(line, "220 ") {
		t.Errorf("%q, %v", line, err)
	}
	c, err := protocol.Dial(ctx, path, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Pause(ctx, protocol.SMTP); err != nil {
		t.Fatal(err)
	}
	if _, err := protocol.DialSMTP(ctx, path, protocol.Options{}); !errors.Is(err, protocol.ErrNoSession) {
		t.Errorf("while smtp is paused: %v", err)
	}
	sim.Close()
	if _, err := protocol.DialSMTP(ctx, path, protocol.Options{}); !errors.Is(err, protocol.ErrNotRunning) {
		t.Errorf("without smtpd: %v", err)
	}
}

// TestSMTPSessionFaults has a server answer the request as no smtpd does. Whatever comes
// with the answer, no descriptor stays open.
func TestSMTPSessionFaults(t *testing.T) {
	l := protocol.HostLayout()
	frame := func(typ protocol.Type, peer uint32) []byte {
		b, _ := l.AppendFrame(nil, protocol.Frame{Type: typ, PeerID: peer})
		return b
	}
	devNull, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer devNull.Close()
	fd := int(devNull.Fd())
	var protocolError *protocol.ProtocolError
	var versionError *protocol.VersionError
	for name, tt := range map[string]struct {
		answer []byte
		fds    []int
		want   any
	}{
		"no descriptor":   {frame(protocol.TypeOK, 0), nil, &protocolError},
		"two":             {frame(protocol.TypeOK, 0), []int{fd, fd}, &protocolError},
		"no socket":       {frame(protocol.TypeOK, 0), []int{fd}, nil},
		"another type":    {frame(protocol.TypeShowStatus, 0), []int{fd}, &protocolError},
		"FAIL with one":   {frame(protocol.TypeFail, 0), []int{fd}, protocol.ErrNoSession},
		"another version": {frame(protocol.TypeFail, 17), nil, &versionError},
		"garbage":         {[]byte(strings.Repeat("\xff", 64)), []int{fd}, &protocolError},
		"half a frame":    {frame(protocol.TypeOK, 0)[:7], []int{fd}, protocol.ErrHangup},
		"nothing":         {nil, nil, protocol.ErrHangup},
		"silence":         {nil, nil, protocol.ErrTimeout},
	} {
		path := filepath.Join(t.TempDir(), "s")
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			c.Read(make([]byte, 64))
			if tt.answer != nil {
				c.(*net.UnixConn).WriteMsgUnix(tt.answer, unix.UnixRights(tt.fds...), nil)
			}
			if name == "silence" {
				time.Sleep(500 * time.Millisecond)
			}
		}()
		before := openDescriptors(t)
		session, err := protocol.DialSMTP(ctx, path, protocol.Options{Timeout: 200 * time.Millisecond})
		switch want := tt.want.(type) {
		case error:
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		case nil:
			if err == nil {
				t.Errorf("%s: %v", name, session)
			}
		default:
			if !errors.As(err, want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ln.Close()
		for i := 0; openDescriptors(t) > before && i < 100; i++ {
			time.Sleep(10 * time.Millisecond)
		}
		if after := openDescriptors(t); after > before {
			t.Errorf("%s: %d descriptors are open, %d were before", name, after, before)
		}
	}
	cancelled, cancel := context.WithCancelCause(ctx)
	cause := errors.New("stop it")
	cancel(cause)
	if _, err := protocol.DialSMTP(cancelled, filepath.Join(t.TempDir(), "s"), protocol.Options{}); err == nil {
		t.Error("cancelled before: no error")
	}
}

// openDescriptors counts the descriptors of this process.
func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(entries)
}
