package remote

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
)

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
