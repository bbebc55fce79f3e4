package remote

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestFolderGone removes what is in the private folder, as the end of a login or a program that
// clears folders does: the next connection works, by a new ssh where that is needed, and nothing
// is left behind.
func TestFolderGone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: smtpd answers nobody else")
	}
	srv, f := reach(t, "")
	_, socket := simtest.Start(t, smtpdsim.Config{Messages: 3})
	h := f.Host("mx1")
	ctx := context.Background()
	dial := func(what string) {
		t.Helper()
		conn, err := h.Dial(ctx, socket, opts, Options{})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := conn.Status(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		conn.Close()
		if out, err := h.current().sh(ctx, "", "echo x", 9); err != nil || string(out) != "x\n" {
			t.Errorf("%s: %q, %v", what, out, err)
		}
	}
	dial("first")
	family := filepath.Join(srv.Dir, familyName)
	for _, tt := range []struct {
		what  string
		gone  func() string
		again bool // there is a new ssh
	}{
		{"all folders", func() string { return family }, true},
		{"the folder", func() string { return f.folder.path }, true},
		{"the control socket", func() string { return h.link.control }, true},
		{"the forwarded socket", func() string { return h.ways[socket].local }, false},
		{"the lock", func() string { return filepath.Join(f.folder.path, lockName) }, false},
	} {
		old := h.link
		if err := os.RemoveAll(tt.gone()); err != nil {
			t.Fatal(err)
		}
		if h.Connected() == tt.again {
			t.Errorf("%s: connected is %v", tt.what, !tt.again)
		}
		dial(tt.what)
		if (h.link != old) != tt.again || old.ended() != tt.again {
			t.Errorf("%s: another ssh: %v, the old one has ended: %v", tt.what, h.link != old, old.ended())
		}
	}
	f.Close()
	gone(t, srv.Dir)
	if left, err := os.ReadDir(family); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestCloseTwice closes a fleet twice at the same time while its ssh takes a moment to end: the
// program may end after each Close, and so the folder must be gone.
func TestCloseTwice(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.Chmod(dir, 0o700)
	d, err := newFolderIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = apart()
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	synctest.Test(t, func(t *testing.T) {
		l := &link{cmd: cmd, stdin: stdin, done: make(chan struct{})}
		f := &Fleet{folder: d}
		f.Host("mx1").link = l
		left := make(chan error, 2)
		for range 2 {
			go func() {
				f.Close()
				_, err := os.Lstat(d.path)
				left <- err
			}()
		}
		synctest.Wait()
		if len(left) > 0 {
			t.Error("a Close has returned before ssh has ended")
		}
		close(l.done)
		for range 2 {
			if err := <-left; !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}
