package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/remote/sshdtest"
)

// fill makes a spool with messages, and with one of everything that does not belong there.
func fillSpool(t *testing.T, dir string, n int) (ids []protocol.EnvelopeID) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		id := protocol.EnvelopeID(uint64(i*7919+1)<<40 | uint64(i+1)<<32 | 5)
		ids = append(ids, id)
		sp := spool.Open(dir)
		must(os.MkdirAll(sp.MessageDir(id.Msg()), 0o700))
		must(os.WriteFile(sp.MessagePath(id.Msg()), []byte(fmt.Sprintf("Subject: mail %d\n\n%s\x00\xff", i, strings.Repeat("body\n", i))), 0o600))
		must(os.WriteFile(sp.EnvelopePath(id), []byte(fmt.Sprintf("version: 3\nmsgid %d\n", i)), 0o600))
	}
	return ids
}

// connect returns the files of a host that is reached.
func connect(t *testing.T, f *Fleet, timeout time.Duration) *Files {
	t.Helper()
	h := f.Host("mx1")
	if _, err := h.connected(context.Background(), 20*time.Second, Options{}, nil); err != nil {
		t.Fatal(err)
	}
	return h.Files(context.Background(), "/run/none.sock", timeout)
}

// bsdStat is a stat(1) with the options of BSD systems and none of GNU's. It says in a file that
// it was used.
const bsdStat = `#!/bin/sh
l= f=
while getopts FLlnqrsxf:t: o; do case $o in
L) l=-L;;
f) f=$OPTARG;;
'?') echo "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]" >&2; exit 1;;
esac; done
shift $((OPTIND-1))
echo "$f" >>%s
f=$(printf '%%s\n' "$f" | sed 's/%%Xp/%%f/g; s/%%z/%%s/g; s/%%m/%%Y/g; s/%%c/%%Z/g; s/%%N/%%n/g')
exec /usr/bin/stat $l -c "$f" -- "$@"
`

// TestFilesSame reads files of every kind from here and over ssh, from a machine with the stat(1)
// of GNU and from one with that of BSD systems: what is read, and each error, is the same.
func TestFilesSame(t *testing.T) {
	t.Parallel()
	t.Run("GNU", func(t *testing.T) {
		t.Parallel()
		filesSame(t, "")
	})
	t.Run("BSD", func(t *testing.T) {
		t.Parallel()
		bin := t.TempDir()
		used := filepath.Join(bin, "used")
		if err := os.WriteFile(filepath.Join(bin, "stat"), fmt.Appendf(nil, bsdStat, used), 0o755); err != nil {
			t.Fatal(err)
		}
		filesSame(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))
		if formats, err := os.ReadFile(used); err != nil || !strings.Contains(string(formats), "%Xp %u %z %m %c %N\n") {
			t.Errorf("the formats were %q, %v", formats, err)
		}
	})
}

// filesSame does the work of TestFilesSame, with more lines of sshd_config.
func filesSame(t *testing.T, extra string) {
	srv, f := reach(t, extra)
	dir := filepath.Join(srv.Dir, "spool")
	ids := fillSpool(t, dir, fulltest.Of(40, 10))
	local := spool.Open(dir)
	q := local.Queue()
	odd := []string{"gone", "link", "fifo", "socket", "folder", "link/inner", "file/inner", "big"}
	at := func(name string) string { return filepath.Join(q, name) }
	os.Symlink(local.EnvelopePath(ids[0]), at("link"))
	syscall.Mkfifo(at("fifo"), 0o600)
	fd, _ := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	syscall.Bind(fd, &syscall.SockaddrUnix{Name: at("socket")})
	syscall.Close(fd)
	os.Mkdir(at("folder"), 0o700)
	os.WriteFile(at("file"), nil, 0o600)
	os.WriteFile(at("big"), bytes.Repeat([]byte("0123456789"), 300_000), 0o600)
	os.WriteFile(at("folder/.hidden"), nil, 0o600)
	os.WriteFile(at("folder/a name; `x` 'y'"), nil, 0o600)
	before := listing(t, dir)
	files := connect(t, f, 20*time.Second)

	var paths []string
	for _, id := range ids {
		paths = append(paths, local.EnvelopePath(id), local.MessagePath(id.Msg()))
	}
	for _, name := range odd {
		paths = append(paths, at(name))
	}
	n := 0
	if err := files.Read(q, paths, 2<<20, func(i int, data []byte, info safefile.Info, err error) error {
		n++
		var want []byte
		in, werr := safefile.OpenFileBeneath(q, paths[i])
		if werr == nil {
			want, _ = io.ReadAll(io.LimitReader(in, 2<<20))
			in.Close()
		}
		if !bytes.Equal(data, want) || fmt.Sprint(err) != fmt.Sprint(werr) {
			t.Errorf("%s: %d bytes, %v; here %d bytes, %v", paths[i], len(data), err, len(want), werr)
		}
		if st, serr := safefile.Stat(false, paths[i]); werr == nil && (serr != nil || info.Mode != st.Mode || info.Size != st.Size || info.UID != st.UID || info.Modified != st.Modified) {
			t.Errorf("%s: %+v, here %+v", paths[i], info, st)
		}
		return nil
	}); err != nil || n != len(paths) {
		t.Errorf("%d read: %v", n, err)
	}
	for _, follow := range []bool{false, true} {
		if err := files.Stat(follow, paths, func(i int, info safefile.Info, err error) error {
			st, serr := safefile.Stat(follow, paths[i])
			if st.Changed = info.Changed; info != st || errors.Is(err, fs.ErrNotExist) != errors.Is(serr, fs.ErrNotExist) || fmt.Sprint(err) != fmt.Sprint(serr) {
				t.Errorf("%s: %+v, %v; here %+v, %v", paths[i], info, err, st, serr)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	dirs := []string{q, at("folder"), at("gone"), at("link"), at("fifo"), at("file"), at("link/inner")}
	if err := files.Names(q, dirs, func(i int, names []string, whole bool, err error) error {
		var want []string
		if wfd, werr := safefile.OpenBeneath(q, dirs[i], true); werr == nil {
			syscall.Close(wfd)
			entries, _ := os.ReadDir(dirs[i])
			for _, e := range entries {
				want = append(want, e.Name())
			}
		} else if fmt.Sprint(err) != fmt.Sprint(werr) {
			t.Errorf("%s: %v, here %v", dirs[i], err, werr)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) || !whole {
			t.Errorf("%s: %q, here %q", dirs[i], names, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for _, from := range []int64{0, 1, 2_999_999, 3_000_000} {
		r, _, err := files.Open(q, at("big"), from)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := os.ReadFile(at("big"))
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want[from:]) {
			t.Errorf("from %d: %d bytes, %v", from, len(got), err)
		}
		r.Close()
	}
	for _, last := range []int64{0, 25} {
		r, _, err := files.Log(at("big"), last)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(z)
		if want := 3_000_000; err != nil || last == 0 && len(got) != want || last > 0 && string(got) != "5678901234567890123456789" {
			t.Errorf("last %d: %d bytes, %v", last, len(got), err)
		}
		r.Close()
	}
	// The whole walk of a spool.
	far := spool.OpenFar(files, dir, nil)
	var here, there []protocol.EnvelopeID
	for id, err := range local.IDs() {
		if err == nil {
			here = append(here, id)
		}
	}
	for id, err := range far.IDs() {
		if err != nil {
			t.Error(err)
		}
		there = append(there, id)
	}
	if !slices.Equal(here, there) || len(here) != len(ids) {
		t.Errorf("%d ids, here %d", len(there), len(here))
	}
	if after := listing(t, dir); after != before {
		t.Errorf("something has changed:\n%s\nbefore\n%s", after, before)
	}
	if n := len(f.Host("mx1").shells); n < 1 || n > maxIdle {
		t.Errorf("%d shells wait", n)
	}
	f.Close()
	gone(t, srv.Dir)
}

// listing describes all files beneath a folder, with their times.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		return nil
	})
	return b.String()
}

// TestFilesNames refuses paths that a shell could read otherwise, before anything is sent.
func TestFilesNames(t *testing.T) {
	t.Parallel()
	h := (&Fleet{}).Host("mx1") // which is not reached: nothing can be sent
	files := h.Files(context.Background(), "/run/x.sock", time.Second)
	for _, path := range []string{"", "x", "/a b", "/a;b", "/$(x)", "/a\nb", "/q/../etc", "/q/./a", "/q//a", "/q/a'", "/q/*", "/other/a", "/qq/a"} {
		for name, err := range map[string]error{
			"read":  files.Read("/q", []string{path}, 1, nil),
			"names": files.Names("/q", []string{path}, nil),
		} {
			if err == nil || !strings.Contains(err.Error(), "expected a path") {
				t.Errorf("%s %q: %v", name, path, err)
			}
		}
	}
	for _, path := range []string{"", "x", "/a b", "/a\nb", "/q/../etc"} {
		if err := files.Stat(false, []string{path}, nil); err == nil || !strings.Contains(err.Error(), "expected a path") {
			t.Errorf("stat %q: %v", path, err)
		}
		if _, _, err := files.Log(path, 0); err == nil || !strings.Contains(err.Error(), "expected a path") {
			t.Errorf("log %q: %v", path, err)
		}
	}
}
