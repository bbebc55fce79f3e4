package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// TestFilesHostile reads a file that has all that the far side prints between files but the
// token, and one that grows and shrinks while it is read.
func TestFilesHostile(t *testing.T) {
	t.Parallel()
	srv, f := reach(t, "")
	path := filepath.Join(srv.Dir, "file")
	files := connect(t, f, 20*time.Second)
	text := strings.Repeat("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ .\n.\nx\n", 1000) + "no end"
	os.WriteFile(path, []byte(text), 0o600)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			other := path + "2"
			os.WriteFile(other, []byte(strings.Repeat("y", i*7919%100_000)), 0o600)
			os.Truncate(other, int64(i*31%5000))
		}
	}()
	paths := slices.Repeat([]string{path, path + "2", path + "3"}, 40)
	err := files.Read("", paths, 1<<20, func(i int, data []byte, _ safefile.Info, err error) error {
		switch i % 3 {
		case 0:
			if err != nil || string(data) != text {
				t.Errorf("%d bytes, %v", len(data), err)
			}
		case 1:
			if err != nil && !errors.Is(err, errChanged) && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		case 2:
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%v", err)
			}
		}
		return nil
	})
	close(stop)
	<-done
	if err != nil {
		t.Error(err)
	}
}

// TestFilesFaults ends and hangs what reads files: one line with the host, in time, and the
// next request works where it can.
func TestFilesFaults(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	hang := filepath.Join(bin, "hang")
	os.WriteFile(filepath.Join(bin, "dd"), []byte("#!/bin/sh\nwhile [ -e "+hang+" ]; do sleep 0.1; done\nexec /bin/dd \"$@\"\n"), 0o755)
	srv, f := reach(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))
	path := filepath.Join(srv.Dir, "file")
	os.WriteFile(path, bytes.Repeat([]byte("x"), 1<<20), 0o600)
	files := connect(t, f, time.Second)
	once := func() error {
		return files.Read("", []string{path}, 2<<20, func(_ int, data []byte, _ safefile.Info, err error) error {
			if err == nil && len(data) != 1<<20 {
				err = fmt.Errorf("%d bytes", len(data))
			}
			return err
		})
	}
	check := func(what, want string, err error, unreachable bool) {
		t.Helper()
		if err == nil || !strings.HasPrefix(err.Error(), "mx1: ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || errors.Is(err, ErrUnreachable) != unreachable {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := once(); err != nil {
		t.Fatal(err)
	}
	shell := f.Host("mx1").shells[0]
	shell.cut()
	<-shell.done
	check("shell killed", "what reads files there has ended", once(), true)
	if err := once(); err != nil {
		t.Errorf("after it was killed: %v", err)
	}
	os.WriteFile(hang, nil, 0o600)
	check("hung", "no answer within 1s while files were read there", once(), true)
	ctx, cancel := context.WithTimeoutCause(context.Background(), 100*time.Millisecond, errors.New("enough"))
	defer cancel()
	began := time.Now()
	err := f.Host("mx1").Files(ctx, "/run/none.sock", time.Minute).Read("", []string{path}, 10, func(int, []byte, safefile.Info, error) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "enough") || time.Since(began) > 20*time.Second {
		t.Errorf("interrupted: %v after %v", err, time.Since(began))
	}
	os.Remove(hang)
	if err := once(); err != nil {
		t.Error(err)
	}
	f.Host("mx1").link.cmd.Process.Kill()
	<-f.Host("mx1").link.done
	f.Seal()
	check("ssh killed", "the connection was closed", once(), true)
	f.Close()
	gone(t, srv.Dir)
}

// TestFilesDenied reads as a user who may not: the error says who that is and what to do.
func TestFilesDenied(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make another user's files")
	}
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("needs the user nobody")
	}
	srv, f := reach(t, "")
	dir := filepath.Join(srv.Dir, "spool")
	ids := fillSpool(t, dir, 2)
	os.Chmod(srv.Dir, 0o711)
	for _, p := range []string{filepath.Join(srv.Dir, "bin"), dir} {
		os.Chmod(p, 0o755)
	}
	sp := spool.Open(dir)
	// A shell of nobody, in the place of the one that ssh starts.
	h := f.Host("mx1")
	files := connect(t, f, 20*time.Second)
	h.link.facts.UID, h.link.facts.Tools = 65534, map[string]bool{"sudo": true}
	os.WriteFile(filepath.Join(srv.Dir, "bin", "sudo"), []byte("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n"), 0o755)
	as := "setpriv --reuid 65534 --regid 65534 --clear-groups "
	s, err := h.link.openShell(context.Background(), as, 20*time.Second)
	if err != nil {
		t.Skipf("needs setpriv(1): %v", err)
	}
	_, refused := h.link.openShell(context.Background(), filepath.Join(srv.Dir, "bin", "sudo")+" -n ", 20*time.Second)
	none := ""
	h.shells, h.filesAs, h.refused = []*fileShell{s}, &none, refused
	if ferr := files.Read(sp.Queue(), []string{sp.EnvelopePath(ids[0])}, 10, func(_ int, _ []byte, _ safefile.Info, rerr error) error { err = rerr; return nil }); ferr != nil {
		t.Fatal(ferr)
	}
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "permission denied to uid 65534, as whom ssh logs in, and ") ||
		!strings.Contains(err.Error(), "a password is required") || !strings.Contains(err.Error(), "log in as root, or let sudo or doas run sh without a password") {
		t.Errorf("%v", err)
	}
	if ferr := files.Stat(false, []string{sp.EnvelopePath(ids[0])}, func(_ int, _ safefile.Info, rerr error) error { err = rerr; return nil }); ferr != nil || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v", err)
	}
	if each, err := spool.OpenFar(files, dir, nil).Look([]string{sp.EnvelopePath(ids[0])}); err != nil || errors.Is(each[0], fs.ErrNotExist) {
		t.Errorf("what may not be looked at counts as missing: %v", err)
	}
}
