// Package safefiletest makes files of every kind, for tests of what opens files.
package safefiletest

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A Kind is something that can stand where a file is looked for.
type Kind struct {
	Name string
	// Is is what an error calls it where links are not followed, and Followed
	// where they are; nothing if that is a file that can be read.
	Is, Followed string
	Make         func(t testing.TB, path string) // puts it there
}

// Kinds returns every kind of file. What they lead to, if that can be read, holds
// text. A device needs root to be made.
func Kinds(text string) []Kind {
	kinds := []Kind{
		{"file", "", "", func(t testing.TB, path string) { must(t, os.WriteFile(path, []byte(text), 0o600)) }},
		{"link", "a symbolic link", "", func(t testing.TB, path string) {
			to := filepath.Join(t.TempDir(), "target")
			must(t, os.WriteFile(to, []byte(text), 0o600))
			must(t, os.Symlink(to, path))
		}},
		{"dangling link", "a symbolic link", "no such file", func(t testing.TB, path string) {
			must(t, os.Symlink(filepath.Join(t.TempDir(), "nothing"), path))
		}},
		{"link to a FIFO", "a symbolic link", "a FIFO", func(t testing.TB, path string) {
			to := filepath.Join(t.TempDir(), "fifo")
			must(t, unix.Mkfifo(to, 0o600))
			must(t, os.Symlink(to, path))
		}},
		{"FIFO", "a FIFO", "a FIFO", func(t testing.TB, path string) { must(t, unix.Mkfifo(path, 0o600)) }},
		{"folder", "a folder", "a folder", func(t testing.TB, path string) { must(t, os.Mkdir(path, 0o700)) }},
		{"socket", "a socket", "a socket", func(t testing.TB, path string) {
			dir, err := os.MkdirTemp("/tmp", "s") // the path of a socket has to be short
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(dir) })
			l, err := net.Listen("unix", dir+"/s")
			must(t, err)
			t.Cleanup(func() { l.Close() })
			must(t, os.Rename(dir+"/s", path))
		}},
	}
	if os.Geteuid() == 0 {
		kinds = append(kinds, Kind{"device", "a device", "a device", func(t testing.TB, path string) {
			// One that has bytes without end, as /dev/zero.
			if err := unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))); err != nil {
				t.Skipf("no devices can be made here: %v", err)
			}
		}})
	}
	return kinds
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		if strings.Contains(err.Error(), "cross-device") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
}
