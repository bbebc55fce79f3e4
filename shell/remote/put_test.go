package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/remote/sshdtest"
)

// newSpool makes an empty spool folder.
func newSpool(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"queue", "incoming"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// folderOf returns a folder with these files, of which the first is the message.
func folderOf(name string, texts ...string) safefile.NewFolder {
	f := safefile.NewFolder{Names: []string{name, name[:6] + "ff"}}
	for i, text := range texts {
		file := safefile.NewFile{Name: "message", Open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader(text)), int64(len(text)), nil
		}}
		if i > 0 {
			file.Name, file.Follows = fmt.Sprintf("%08x", i), true
		}
		f.Files = append(f.Files, file)
	}
	return f
}

// beneathDir returns the modes of folders and the contents of files beneath a folder.
func beneathDir(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		st := info.Sys().(*syscall.Stat_t)
		all[rel] = fmt.Sprintf("%v %d:%d ", info.Mode(), st.Uid, st.Gid)
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			all[rel] += string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameTree fails unless a folder has exactly these folders and files, of an owner.
func sameTree(t *testing.T, what, dir, owner string, files map[string]string) {
	t.Helper()
	want := map[string]string{}
	for path, text := range files {
		want[path] = "-rw------- " + owner + " " + text
		for up := filepath.Dir(path); up != "."; up = filepath.Dir(up) {
			want[up] = "drwx------ " + owner + " "
		}
	}
	got := beneathDir(t, dir)
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s: %s: %.60q (%d bytes), want %.60q (%d bytes)", what, path, got[path], len(got[path]), text, len(text))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[path]; !ok {
			t.Errorf("%s: there is %s", what, path)
		}
	}
}

// putShells are the shells and programs by which the script is carried out where they are
// installed, and how they are started.
var putShells = [][2]string{{"busybox", "busybox sh"}, {"bash", "bash --posix"}, {"dash", "dash"}, {"mksh", "mksh"}, {"ksh93", "ksh93"}}

// TestPut puts messages of all kinds into a spool, by each shell that is there, outside CI by one
// of three: content, owners
// and modes are right, ids that are taken are replaced, and nothing else is there.
func TestPut(t *testing.T) {
	t.Parallel()
	installed := 0
	for _, s := range putShells {
		shell, words := s[0], s[1]
		program, err := exec.LookPath(strings.Fields(words)[0])
		if err != nil {
			continue
		}
		if installed++; !fulltest.Takes(installed-1, 3) {
			continue
		}
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			os.WriteFile(filepath.Join(bin, "sh"), []byte("#!/bin/dash\nexec "+strings.Replace(words, filepath.Base(program), program, 1)+" \"$@\"\n"), 0o755)
			if shell == "busybox" {
				for _, name := range []string{"dd", "ls", "mv", "mkdir", "chown", "rm", "find", "sync", "wc", "df", "cat", "rmdir"} {
					os.Symlink(program, filepath.Join(bin, name))
				}
			}
			_, f := reach(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))
			files := connect(t, f, 20*time.Second)
			putAll(t, files)
			replaceAll(t, files)
		})
	}
}

// putAll is TestPut for one shell.
func putAll(t *testing.T, files *Files) {
	dir := newSpool(t)
	owner := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
	if os.Getuid() == 0 {
		owner = "12345:23456"
		os.Chown(filepath.Join(dir, "queue"), 12345, 23456)
		os.Chown(filepath.Join(dir, "incoming"), 12345, 23456)
	}
	p, err := files.Putter(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	noise := make([]byte, 1<<20+17)
	rand.New(rand.NewSource(1)).Read(noise)
	var many []string
	for i := range fulltest.Of(60, 12) {
		many = append(many, fmt.Sprintf("version: 3\nrcpt: %d\n", i))
	}
	kinds := [][]string{
		{"Subject: x\n\nbody\n", "version: 3\n"}, {"", "version: 3\n"}, {string(noise), string(noise[:700])}, {strings.Repeat("\x00", 70_000), "\n.\nm 1 00000000\ne\n$(reboot)\n"},
		append([]string{strings.Repeat("x", 1<<16)}, many...), {"no end of line", "\xff"}, {"only a message"},
	}
	os.Mkdir(filepath.Join(dir, "queue", "03"), 0o700) // a folder that is there belongs to whom it belongs
	if os.Getuid() == 0 {
		os.Chown(filepath.Join(dir, "queue", "03"), 12345, 23456)
	}
	want := map[string]string{}
	var folders []safefile.NewFolder
	var taken []string
	for i, texts := range kinds {
		name := fmt.Sprintf("%02x00000a", i)
		as := name
		switch i {
		case 1: // its id is in the queue
			os.MkdirAll(filepath.Join(dir, "queue", name[:2], name), 0o700)
			os.WriteFile(filepath.Join(dir, "queue", name[:2], name, "message"), []byte("other"), 0o600)
			taken = append(taken, filepath.Join(dir, "queue", name[:2], name))
			as = name[:6] + "ff"
		case 2: // or in incoming
			os.MkdirAll(filepath.Join(dir, "incoming", name), 0o700)
			taken = append(taken, filepath.Join(dir, "incoming", name))
			as = name[:6] + "ff"
		}
		folders = append(folders, folderOf(name, texts...))
		for j, text := range texts {
			file := "message"
			if j > 0 {
				file = fmt.Sprintf("%s%08x", as, j)
			}
			want[as[:2]+"/"+as+"/"+file] = text
		}
	}
	var got []string
	if err := p.Write(folders, func(i int, name string) { got = append(got, name) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(kinds) || got[0] != "0000000a" || got[1] != "010000ff" || got[2] != "020000ff" {
		t.Fatalf("%q", got)
	}
	if moved, sure, err := p.Move(got); moved != len(got) || !sure || err != nil {
		t.Fatalf("%d, %v, %v", moved, sure, err)
	}
	for _, path := range taken {
		os.RemoveAll(path)
	}
	if os.Getuid() == 0 {
		os.Chown(filepath.Join(dir, "queue", "01"), 12345, 23456) // which the test made
	}
	sameTree(t, "queue", filepath.Join(dir, "queue"), owner, want)
	sameTree(t, "incoming", filepath.Join(dir, "incoming"), owner, nil)
	// What was not moved can be deleted; what is there already is not replaced, and the
	// folders before it are there.
	if err := p.Write([]safefile.NewFolder{folderOf("0a000001", "a", "b"), folderOf("0b000001", "c", "d"), folderOf("0c000001", "e", "f")}, func(int, string) {}); err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(dir, "queue", "0b", "0b000001"), 0o700)
	moved, sure, err := p.Move([]string{"0a000001", "0b000001", "0c000001"})
	if moved != 1 || !sure || !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "queue/0b/0b000001") {
		t.Errorf("%d, %v, %v", moved, sure, err)
	}
	if err := p.Drop([]string{"0b000001", "0c000001", "0d000001"}); err != nil {
		t.Error(err)
	}
	os.RemoveAll(filepath.Join(dir, "queue", "0b"))
	want["0a/0a000001/message"], want["0a/0a000001/0a00000100000001"] = "a", "b"
	sameTree(t, "queue", filepath.Join(dir, "queue"), owner, want)
	sameTree(t, "incoming", filepath.Join(dir, "incoming"), owner, nil)
}

// TestPutFails has what must not become a file there, and what cannot: nothing is left there,
// and the error says what is wrong.
func TestPutFails(t *testing.T) {
	t.Parallel()
	_, f := reach(t, "")
	files := connect(t, f, 20*time.Second)
	reads := func(text string, size int64, err error) safefile.NewFolder {
		one := folderOf("0e000001", "a", "b")
		one.Files[1].Open = func() (io.ReadCloser, int64, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(text), failing{err})), size, nil
		}
		return one
	}
	named := func(name string, follows bool) safefile.NewFolder {
		one := folderOf("0e000001", "a", "b")
		one.Files[1].Name, one.Files[1].Follows = name, follows
		return one
	}
	broken := errors.New("broken")
	cannot := folderOf("0e000001", "a", "b")
	cannot.Files[1].Open = func() (io.ReadCloser, int64, error) { return nil, 0, broken }
	tests := map[string]struct {
		folder safefile.NewFolder
		want   string
		do     func(t *testing.T, dir string)
	}{
		"shorter": {reads("abc", 4, io.EOF), "the file changed while it was read", nil}, "longer": {reads("abcde", 4, io.EOF), "the file changed while it was read", nil},
		"broken": {reads("abc", 4, broken), "broken", nil}, "cannot be opened": {cannot, "broken", nil}, "huge": {reads("abc", 1<<40, broken), "broken", nil},
		"disk full": {folderOf("0e000001", strings.Repeat("x", 3<<20), "b"), "incoming: no space left on device", func(t *testing.T, dir string) {
			for _, name := range []string{"queue", "incoming"} {
				os.Remove(filepath.Join(dir, name))
			}
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
				t.Skipf("cannot mount a small disk here: %v", err)
			}
			t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
			os.Mkdir(filepath.Join(dir, "queue"), 0o700)
			os.Mkdir(filepath.Join(dir, "incoming"), 0o700)
		}},
		"both ids taken": {folderOf("0e000001", "a", "b"), "no free message id was found", func(_ *testing.T, dir string) {
			os.MkdirAll(filepath.Join(dir, "queue", "0e", "0e000001"), 0o700)
			os.Symlink("/etc", filepath.Join(dir, "queue", "0e", "0e0000ff"))
		}},
	}
	for i, name := range []string{"../x", "", "0e000001/x", "message ", "$(reboot)", "0000000g", "000000001", "a b", "-rf", "\n"} {
		one := folderOf("0e000001", "a")
		one.Names[1] = name
		if fulltest.Takes(i, 3) {
			tests[fmt.Sprintf("folder %q", name)] = struct {
				folder safefile.NewFolder
				want   string
				do     func(t *testing.T, dir string)
			}{one, "expected 8 hex digits", nil}
		}
		for j, follows := range []bool{false, true} {
			if !fulltest.Takes(i+j+1, 3) {
				continue
			}
			tests[fmt.Sprintf("file %q %v", name, follows)] = struct {
				folder safefile.NewFolder
				want   string
				do     func(t *testing.T, dir string)
			}{named(name, follows), "expected the name of a file of a queue", nil}
		}
	}
	for name, tt := range tests {
		t.Run(strings.Map(func(r rune) rune { // the name becomes that of a folder there
			if strings.ContainsRune("$()\n", r) {
				return '_'
			}
			return r
		}, name), func(t *testing.T) {
			dir := newSpool(t)
			if tt.do != nil {
				tt.do(t, dir)
			}
			before := beneathDir(t, dir)
			p, err := files.Putter(dir)
			if err != nil {
				t.Fatal(err)
			}
			err = p.Write([]safefile.NewFolder{folderOf("0d000001", "first", "b"), tt.folder, folderOf("0f000001", "last", "b")}, func(int, string) {})
			p.Close()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			for deadline := time.Now().Add(10 * time.Second); !maps.Equal(beneathDir(t, dir), before); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("left: %v", slices.Collect(maps.Keys(beneathDir(t, dir))))
				}
			}
		})
	}
}

// A failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestPutterRefuses has spool folders into which nothing can be put.
func TestPutterRefuses(t *testing.T) {
	t.Parallel()
	_, f := reach(t, "")
	files := connect(t, f, 20*time.Second)
	for name, tt := range map[string]struct {
		want string
		do   func(dir string)
	}{
		"no queue":    {"queue: no such file or directory", func(dir string) { os.Remove(filepath.Join(dir, "queue")) }},
		"no incoming": {"incoming: no such file or directory", func(dir string) { os.Remove(filepath.Join(dir, "incoming")) }},
		"file incoming": {"incoming: not a directory", func(dir string) {
			os.Remove(filepath.Join(dir, "incoming"))
			os.WriteFile(filepath.Join(dir, "incoming"), nil, 0o600)
		}},
		"other disk":     {"are on different file systems", func(dir string) { unix.Mount("tmpfs", filepath.Join(dir, "incoming"), "tmpfs", 0, "size=1m") }},
		"hostile folder": {"expected a path", nil},
	} {
		dir := newSpool(t)
		if tt.do != nil {
			tt.do(dir)
			t.Cleanup(func() { unix.Unmount(filepath.Join(dir, "incoming"), unix.MNT_DETACH) })
		} else {
			dir += "/../x"
		}
		if name == "other disk" && os.Getuid() != 0 {
			continue
		}
		p, err := files.Putter(dir)
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
