package safefile

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile/safefiletest"
)

// soon calls f, which must not take long.
func soon(t *testing.T, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("it blocks")
		return nil
	}
}

// closed opens a file with f and closes it.
func closed(f *os.File, err error) error {
	if err == nil {
		err = f.Close()
	}
	return err
}

// inDir calls f with the folder of a path and its last name.
func inDir(path string, f func(*os.File, string) (*os.File, error)) error {
	dir, err := OpenDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return closed(f(dir, filepath.Base(path)))
}

// TestKinds opens every kind of file with every function.
func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		name    string
		follows bool
		takes   string // besides a regular file
		not     bool   // no regular file
		open    func(path string) error
	}{
		{name: "Open", open: func(path string) error { return closed(Open(path)) }},
		{name: "OpenLinked", follows: true, open: func(path string) error { return closed(OpenLinked(path)) }},
		{name: "OpenDir", follows: true, takes: "folder", not: true, open: func(path string) error { return closed(OpenDir(path)) }},
		{name: "Append", open: func(path string) error { return closed(Append(path, 0o600)) }},
		{name: "OpenAt", open: func(path string) error { return inDir(path, OpenAt) }},
		{name: "OpenDirAt", takes: "folder", not: true, open: func(path string) error { return inDir(path, OpenDirAt) }},
		{name: "OpenFileBeneath", open: func(path string) error {
			return closed(OpenFileBeneath(filepath.Dir(filepath.Dir(path)), path))
		}},
		{name: "OpenBeneath of a folder", takes: "folder", not: true, open: func(path string) error {
			fd, err := OpenBeneath(filepath.Dir(filepath.Dir(path)), path, true)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		{name: "walk", open: func(path string) error {
			fd, err := walk(filepath.Dir(filepath.Dir(path)), filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), unix.O_RDONLY|unix.O_NOFOLLOW)
			if err != nil {
				return explain(unix.AT_FDCWD, path, path, true, err, regular)
			}
			err = check(fd, path, regular)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}},
		{name: "ReadFile", follows: true, takes: "FIFO", open: func(path string) error {
			_, err := ReadFile(context.Background(), path, 100)
			return err
		}},
	} {
		for _, k := range safefiletest.Kinds("text") {
			t.Run(tt.name+"/"+k.Name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "it")
				k.Make(t, path)
				err := soon(t, func() error { return tt.open(path) })
				want := k.Is
				if tt.follows {
					want = k.Followed
				}
				switch {
				case k.Name == tt.takes, tt.takes == "FIFO" && strings.HasSuffix(k.Name, "FIFO"):
					want = ""
				case tt.not && want == "":
					want = "a regular file"
				}
				if want == "" != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path)) {
					t.Errorf("%v, want %q", err, want)
				}
			})
		}
	}
}

// TestLinkAbove opens files beneath a folder, by way of links above and beneath
// it, with the system call of Linux and without.
func TestLinkAbove(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(dir+"/real/root/a/b", 0o700)
	os.WriteFile(dir+"/real/root/a/b/file", []byte("x"), 0o600)
	os.Symlink("real", dir+"/link")
	os.Symlink("a", dir+"/real/root/c")
	os.Symlink("b", dir+"/real/root/a/d")
	os.Symlink("real/root", dir+"/root")
	held := func(root, rel string, flags int) (int, error) {
		dir, err := openRoot(root)
		if err != nil {
			return -1, err
		}
		defer unix.Close(dir)
		return openBeneath(root, dir, rel, flags)
	}
	alone := func(root, rel string, flags int) (int, error) { return openBeneath(root, anew, rel, flags) }
	for _, open := range []func(root, rel string, flags int) (int, error){held, alone, walk} {
		for _, root := range []string{dir + "/real/root", dir + "/link/root", dir + "/root"} {
			for rel, good := range map[string]bool{"a/b/file": true, "c/b/file": false, "a/d/file": false, "a/b/none": false} {
				fd, err := open(root, rel, unix.O_RDONLY|unix.O_NOFOLLOW)
				if err == nil {
					unix.Close(fd)
				}
				if good != (err == nil) {
					t.Errorf("%s in %s: %v", rel, root, err)
				}
			}
		}
	}
	if err := closed(OpenFileBeneath(dir+"/root", dir+"/root/c/b/file")); !errors.Is(err, errLinkAbove) {
		t.Errorf("a link above: %v", err)
	}
	if err := closed(OpenFileBeneath(dir+"/root", dir+"/root/a/b/none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	root, err := OpenRoot(dir + "/root")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, open := range map[string]func(path string, dir bool) (int, error){
		"held":  root.Open,
		"alone": func(path string, folder bool) (int, error) { return OpenBeneath(dir+"/root", path, folder) },
	} {
		if _, err := open(dir+"/root/c/b/file", false); !errors.Is(err, errLinkAbove) {
			t.Errorf("%s, a link above: %v", name, err)
		}
		for _, path := range []string{dir + "/root", dir + "/root/a/b"} {
			if fd, err := open(path, true); err != nil {
				t.Errorf("%s, the folder %s: %v", name, path, err)
			} else {
				unix.Close(fd)
			}
		}
	}
	if _, err := OpenRoot(dir + "/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no root: %v", err)
	}
}

// TestCreateAt makes a file where there is none, and where anything else is.
func TestCreateAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it")
	if err := inDir(path, func(d *os.File, name string) (*os.File, error) { return CreateAt(d, name, 0o600) }); err != nil {
		t.Error(err)
	}
	for _, k := range safefiletest.Kinds("text") {
		path := filepath.Join(t.TempDir(), "it")
		k.Make(t, path)
		err := soon(t, func() error {
			return inDir(path, func(d *os.File, name string) (*os.File, error) { return CreateAt(d, name, 0o600) })
		})
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", k.Name, err)
		}
	}
}

// TestReadFile reads from a pipe, and what is too long.
func TestReadFile(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w.WriteString("key")
	w.Close()
	if _, err := os.Stat("/dev/fd/0"); err == nil {
		got, err := ReadFile(context.Background(), "/dev/fd/"+itoa(r.Fd()), 10)
		if err != nil || string(got) != "key" {
			t.Errorf("a pipe: %q, %v", got, err)
		}
	}
	path := filepath.Join(t.TempDir(), "it")
	os.WriteFile(path, []byte("0123456789"), 0o600)
	if got, err := ReadFile(context.Background(), path, 4); err != nil || string(got) != "01234" {
		t.Errorf("%q, %v, want one byte more than the limit", got, err)
	}
}

func itoa(n uintptr) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// opening are the functions that open files without this package.
var opening = map[string]bool{
	"os.Open": true, "os.OpenFile": true, "os.ReadFile": true, "os.WriteFile": true, "os.Create": true, "os.CreateTemp": true, "os.ReadDir": true,
	"os.DirFS": true, "os.OpenRoot": true, "os.OpenInRoot": true,
	"unix.Open": true, "unix.Openat": true, "unix.Openat2": true, "syscall.Open": true,
}

// unsafeOpens are the places of the program, by their files, that may use them.
var unsafeOpens = map[string]string{
	"protocol/safefile/safefile.go":      "this package",
	"protocol/safefile/beneath_linux.go": "this package",
	"protocol/smtpdsim/files.go":         "the files of a simulation, in a folder of its own",
	"shell/stream.go":                    "what the user named: scripts and what stands behind >",
	"shell/history.go":                   "CreateTemp, which opens nothing that is there",
	"shell/prompt/prompt.go":             "the terminal",
	"shell/prompt/terminal.go":           "the terminal",
	"shell/remote/tty.go":                "the terminal",
	"cmd/picture/build.go":               "a tool for developers, which is no part of the program",
	"cmd/picture/main.go":                "a tool for developers, which is no part of the program",
	"shell/disk/lock_linux.go":           "/proc/locks",
	"shell/suggest/names.go":             "ReadDir, which opens nothing but folders",
	"shell/suggest/values.go":            "ReadDir, which opens nothing but folders",
}

// TestOneWayToOpen finds every place in the sources of the program that opens a
// file without this package.
func TestOneWayToOpen(t *testing.T) {
	root := "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test") || strings.HasPrefix(d.Name(), ".") && path != root ||
			d.Name() == "realsmtpd" || d.Name() == "internal"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := sel.X.(*ast.Ident); ok && opening[pkg.Name+"."+sel.Sel.Name] && unsafeOpens[filepath.ToSlash(rel)] == "" {
					t.Errorf("%s: %s.%s: open it with package safefile", rel, pkg.Name, sel.Sel.Name)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
