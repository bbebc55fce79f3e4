package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
)

// queueOf writes files beneath the folder queue of a spool, by their names, and gives all to a user.
func queueOf(t *testing.T, dir string, uid int, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, "queue", name[:2], name[:8], name[9:])
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		filepath.WalkDir(filepath.Join(dir, "queue"), func(path string, _ fs.DirEntry, _ error) error { return os.Lchown(path, uid, uid) })
	}
}

// inQueue returns the contents of the files beneath the folder queue of a spool, by their names.
func inQueue(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for path, text := range beneathDir(t, filepath.Join(dir, "queue")) {
		if len(path) > 12 {
			all[path[3:]] = text
		}
	}
	return all
}

// replaceAll has the putter of TestPut change files of envelopes and delete some.
func replaceAll(t *testing.T, files *Files) {
	dir, uid := newSpool(t), 0
	if os.Getuid() == 0 {
		uid = 12345
	}
	had := map[string]string{}
	var all []safefile.NewEnvelope
	want := map[string]string{}
	owner := fmt.Sprintf("-rw------- %d:%d ", uid, uid)
	if uid == 0 {
		owner = fmt.Sprintf("-rw------- %d:%d ", os.Getuid(), os.Getgid())
	}
	for i, text := range []string{"version: 3\n", "", "no end", strings.Repeat("x", 70_000), "$(reboot)\nm 1 00000000\n\x00\xff", "a\n.\n"} {
		msg := fmt.Sprintf("0%x00000a", i/2)
		id := msg + fmt.Sprintf("%08x", i+1)
		had[msg+"/message"], want[msg+"/message"] = "message "+msg, owner+"message "+msg
		had[msg+"/"+id], want[msg+"/"+id] = "old", owner+text
		had[msg+"/"+msg+"ffffffff"], want[msg+"/"+msg+"ffffffff"] = "other", owner+"other"
		all = append(all, safefile.NewEnvelope{ID: id, Text: []byte(text)})
	}
	queueOf(t, dir, uid, had)
	p, err := files.Putter(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	clean := func(what string) {
		t.Helper()
		if got := inQueue(t, dir); !maps.Equal(got, want) {
			t.Errorf("%s: %.500v, want %.500v", what, got, want)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "incoming")); len(left) > 0 {
			t.Errorf("%s: %v is left", what, left)
		}
	}
	if n, sure, err := p.Replace(all); n != len(all) || !sure || err != nil {
		t.Fatalf("%d, %v, %v", n, sure, err)
	}
	clean("replaced")
	// One that has gone, in the middle.
	gone := all[2].ID
	os.Remove(filepath.Join(dir, "queue", gone[:2], gone[:8], gone))
	delete(want, gone[:8]+"/"+gone)
	for i := range all {
		all[i].Text = []byte("again")
		if i < 2 {
			want[all[i].ID[:8]+"/"+all[i].ID] = owner + "again"
		}
	}
	if n, sure, err := p.Replace(all); n != 2 || !sure || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), gone) {
		t.Errorf("%d, %v, %v", n, sure, err)
	}
	clean("one that is gone")
	// Deleted: some of a message, and then all of it, and what is not there.
	first := all[0].ID
	for _, ids := range [][]string{{first}, {first, all[1].ID}, {first[:8] + "ffffffff", first}, {first}} {
		if err := p.Delete(ids); err != nil {
			t.Errorf("%q: %v", ids, err)
		}
		for _, id := range ids {
			delete(want, id[:8]+"/"+id)
		}
		if ids[0] != first {
			delete(want, first[:8]+"/message")
		}
		clean(fmt.Sprintf("%q deleted", ids))
	}
	if _, err := os.Stat(filepath.Join(dir, "queue", first[:2], first[:8])); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of the message: %v", err)
	}
	// A folder with something else in it stays.
	os.WriteFile(filepath.Join(dir, "queue", "02", "0200000a", "other file"), nil, 0o600)
	if err := p.Delete([]string{all[4].ID, all[5].ID, "0200000affffffff"}); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "queue", "02", "0200000a")); len(left) != 1 {
		t.Errorf("%v", left)
	}
}

// TestReplaceHostile has queues in which a file must not be replaced or deleted: nothing is written
// elsewhere, nothing is left, and the error says why.
func TestReplaceHostile(t *testing.T) {
	_, f := reach(t, "")
	files := connect(t, f, 20*time.Second)
	const id = "0d00000100000001"
	for name, tt := range map[string]struct {
		want, gone string // the errors of Replace, and of Delete, "" for none
		do         func(t *testing.T, path, away string)
	}{
		"a link":                {"it is no regular file", "", func(_ *testing.T, path, away string) { os.Symlink(away+"/file", path) }},
		"a link to a folder":    {"it is no regular file", "", func(_ *testing.T, path, away string) { os.Symlink(away, path) }},
		"a dangling link":       {"it is no regular file", "", func(_ *testing.T, path, away string) { os.Symlink(away+"/none", path) }},
		"a folder":              {"it is no regular file", "s a directory", func(_ *testing.T, path, away string) { os.Mkdir(path, 0o700) }},
		"a fifo":                {"it is no regular file", "", func(_ *testing.T, path, away string) { unix.Mkfifo(path, 0o600) }},
		"nothing":               {"no such file or directory", "", func(*testing.T, string, string) {}},
		"no message":            {"no such file or directory", "", func(_ *testing.T, path, away string) { os.RemoveAll(filepath.Dir(path)) }},
		"no folder at all":      {"no such file or directory", "", func(_ *testing.T, path, away string) { os.RemoveAll(filepath.Dir(filepath.Dir(path))) }},
		"a link above":          {"expected no symbolic link", "expected no symbolic link", func(_ *testing.T, path, away string) { swapFor(filepath.Dir(path), away) }},
		"a link above that":     {"expected no symbolic link", "expected no symbolic link", func(_ *testing.T, path, away string) { swapFor(filepath.Dir(filepath.Dir(path)), away) }},
		"a dangling link above": {"no such file or directory", "no such file or directory", func(_ *testing.T, path, away string) { swapFor(filepath.Dir(path), away+"/none") }},
		"another disk":          {"cross-device link", "", func(t *testing.T, path, _ string) { onAnother(t, filepath.Dir(path)) }},
		"a file in place of both": {"no such file or directory", "no such file or directory", func(_ *testing.T, path, away string) {
			os.RemoveAll(filepath.Dir(path))
			os.WriteFile(filepath.Dir(path), nil, 0o600)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, away := newSpool(t), t.TempDir()
			os.MkdirAll(filepath.Join(away, "0d000001"), 0o700)
			for _, path := range []string{"file", id, "0d000001/" + id} {
				os.WriteFile(filepath.Join(away, path), []byte("kept"), 0o600)
			}
			path := filepath.Join(dir, "queue", "0d", "0d000001", id)
			os.MkdirAll(filepath.Dir(path), 0o700)
			tt.do(t, path, away)
			before := beneathDir(t, away)
			p, err := files.Putter(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			n, sure, err := p.Replace([]safefile.NewEnvelope{{ID: id, Text: []byte("new")}})
			if n != 0 || !sure || err == nil || !strings.Contains(strings.ToLower(err.Error()), tt.want) {
				t.Errorf("%d, %v, %v, want %q", n, sure, err, tt.want)
			}
			err = p.Delete([]string{id})
			if (err == nil) != (tt.gone == "") || err != nil && !strings.Contains(strings.ToLower(err.Error()), tt.gone) {
				t.Errorf("delete: %v, want %q", err, tt.gone)
			}
			if after := beneathDir(t, away); !maps.Equal(before, after) {
				t.Errorf("elsewhere: %v, before %v", after, before)
			}
			if left, _ := os.ReadDir(filepath.Join(dir, "incoming")); len(left) > 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
	p, err := files.Putter(newSpool(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, id := range []string{"", "0d000001", "0d00000100000001/", "../../../etc/pwd", "0d0000010000000g", "$(reboot)$(reboo", "0D00000100000001", "-rf /          "} {
		if n, sure, err := p.Replace([]safefile.NewEnvelope{{ID: id}}); n != 0 || !sure || err == nil || !strings.Contains(err.Error(), "expected 16 hex digits") {
			t.Errorf("%q: %d, %v, %v", id, n, sure, err)
		}
		if err := p.Delete([]string{id}); err == nil || !strings.Contains(err.Error(), "expected 16 hex digits") {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := p.Delete([]string{"0d00000100000001", "0e00000100000001"}); err == nil || !strings.Contains(err.Error(), "of one message") {
		t.Error(err)
	}
	if n, _, err := p.Replace([]safefile.NewEnvelope{{ID: id, Text: make([]byte, maxNewTexts+1)}}); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
}

// swapFor replaces a folder by a link.
func swapFor(path, to string) {
	os.RemoveAll(path)
	os.Symlink(to, path)
}

// onAnother makes a folder one of another disk, with a file of the envelope.
func onAnother(t *testing.T, path string) {
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
	os.WriteFile(filepath.Join(path, "0d00000100000001"), []byte("old"), 0o600)
}

// TestReplaceFull replaces files where the disk is full: all have their old content.
func TestReplaceFull(t *testing.T) {
	_, f := reach(t, "")
	files := connect(t, f, 20*time.Second)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("cannot mount a small disk here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	os.Mkdir(filepath.Join(dir, "incoming"), 0o700)
	queueOf(t, dir, 0, map[string]string{"0d000001/0d00000100000001": "old", "0d000001/0d00000100000002": "old"})
	before := beneathDir(t, dir)
	p, err := files.Putter(dir)
	if err != nil {
		t.Fatal(err)
	}
	n, sure, err := p.Replace([]safefile.NewEnvelope{{ID: "0d00000100000001", Text: []byte("new")}, {ID: "0d00000100000002", Text: make([]byte, 100_000)}})
	p.Close()
	if n != 0 || !sure || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("%d, %v, %v", n, sure, err)
	}
	for deadline := time.Now().Add(10 * time.Second); !maps.Equal(beneathDir(t, dir), before); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left: %v", slices.Collect(maps.Keys(beneathDir(t, dir))))
		}
	}
}
