// Package safefiletest creates files of every kind, for tests of code that opens files.
package safefiletest

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A Kind is a kind of file that can stand where a regular file is expected.
type Kind struct {
	Name string
	// Is names the kind in errors where links are not followed, and Followed where
	// links are followed. An empty name stands for a file that can be read.
	Is, Followed string
	Make         func(t testing.TB, path string) // puts it there
}

// Kinds returns every kind of file. Kinds that can be read contain text. A device can
// be created by root only.
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
			must(t, os.Symlink(filepath.Dir(path), dir+"/d"))
			l, err := net.Listen("unix", filepath.Join(dir, "d", filepath.Base(path)))
			must(t, err)
			t.Cleanup(func() { l.Close() })
		}},
	}
	if os.Geteuid() == 0 {
		kinds = append(kinds, Kind{"device", "a device", "a device", func(t testing.TB, path string) {
			// A device with an endless supply of bytes, as /dev/zero.
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
		t.Fatal(err)
	}
}
