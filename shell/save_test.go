package shell

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile/safefiletest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
)

// A saveBed is a simulated smtpd with files, and a session on it.
type saveBed struct {
	t    *testing.T
	sim  *smtpdsim.Server
	sp   *spool.Spool
	dir  string // where --save points
	s    *Session
	out  bytes.Buffer
	errs bytes.Buffer
}

// Envelopes of a saveBed: two of one message, and one of another.
const (
	saveA = protocol.EnvelopeID(0xabcd000100000001)
	saveB = protocol.EnvelopeID(0xabcd000100000002)
	saveC = protocol.EnvelopeID(0xabcd000200000001)
)

func newSaveBed(t *testing.T) *saveBed {
	t.Helper()
	b := &saveBed{t: t, dir: filepath.Join(t.TempDir(), "new", "saved")}
	opts := command.DefaultOptions()
	opts.Spool = t.TempDir()
	b.sim, opts.Socket = simtest.Start(t, smtpdsim.Config{Spool: opts.Spool})
	b.sp = spool.Open(opts.Spool)
	for _, id := range []protocol.EnvelopeID{saveA, saveB, saveC} {
		b.sim.Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: r@y.example\ndest: r@y.example\nctime: 1\n"})
	}
	b.s = NewSession(opts, IO{In: strings.NewReader(""), Out: &b.out, Err: &b.errs, Env: func(string) string { return "" }})
	b.s.mode = command.FromFile
	t.Cleanup(b.s.Close)
	return b
}

// remove runs remove --save for some words, and returns the exit status.
func (b *saveBed) remove(words string) int {
	b.t.Helper()
	b.out.Reset()
	b.errs.Reset()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return printError(&b.errs, b.s.style, b.s.Eval(ctx, "remove --save '"+b.dir+"' "+words))
}

// left returns whether an envelope is in the queue.
func (b *saveBed) left(id protocol.EnvelopeID) bool {
	for _, e := range b.sim.Envelopes() {
		if e.ID == id {
			return true
		}
	}
	return false
}

func (b *saveBed) path(parts ...string) string {
	return filepath.Join(append([]string{b.dir}, parts...)...)
}

// read reads a file that must be a regular one.
func read(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		t.Errorf("%s: %v, %v", path, info, err)
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// TestSave saves what is removed, and again where it is saved already.
func TestSave(t *testing.T) {
	t.Parallel()
	b := newSaveBed(t)
	message, envelope := read(t, b.sp.MessagePath(saveA.Msg())), read(t, b.sp.EnvelopePath(saveA))
	if err := os.MkdirAll(b.path("abcd0001"), 0o700); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(b.path("abcd0001", "message"), []byte(message), 0o400) // equal, so it counts as saved
	if status := b.remove("all"); status != 0 || b.out.String() != "3 envelopes removed\n" {
		t.Fatalf("status %d, %s%s", status, b.out.String(), b.errs.String())
	}
	if read(t, b.path("abcd0001", "message")) != message || read(t, b.path("abcd0001", saveA.String())) != envelope {
		t.Error("what was saved is not what there was")
	}
	read(t, b.path("abcd0001", saveB.String()))
	read(t, b.path("abcd0002", saveC.String()))
	read(t, b.path("abcd0002", "message"))
	filepath.WalkDir(filepath.Dir(b.dir), func(path string, d fs.DirEntry, err error) error {
		info, _ := d.Info()
		if strings.HasPrefix(d.Name(), ".") || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is left, with mode %v", path, info.Mode())
		}
		return nil
	})
}

// kept checks that the envelope was not removed and that it was said why, and that
// the other message was saved and removed.
func (b *saveBed) kept(name, why string, id protocol.EnvelopeID, done int) {
	b.t.Helper()
	status := b.remove("all")
	errs := b.errs.String()
	if status != command.StatusFailed || !b.left(id) || b.left(saveC) || !strings.HasPrefix(b.out.String(), fmt.Sprint(done)+" envelope") {
		b.t.Errorf("%s: status %d, envelope left %v, the other one %v, %s%s", name, status, b.left(id), b.left(saveC), b.out.String(), errs)
	}
	if !strings.Contains(errs, fmt.Sprintf("envelope %v is kept: ", id)) || !strings.Contains(errs, why) || !strings.Contains(errs, "could not be saved") {
		b.t.Errorf("%s: want %q in\n%s", name, why, errs)
	}
	read(b.t, b.path("abcd0002", saveC.String()))
}

// TestSaveInTheWay puts every kind of file where a copy or a folder of copies
// belongs, and where the files of the queue are that are to be copied. The mail
// stays in the queue; the rest of it is saved and removed.
func TestSaveInTheWay(t *testing.T) {
	for _, k := range safefiletest.Kinds("something else\n") {
		for _, place := range []string{"message", "envelope", "folder", "source message", "source envelope", "source folder"} {
			t.Run(place+"/"+k.Name, func(t *testing.T) {
				t.Parallel()
				b := newSaveBed(t)
				why, done := k.Is, 1
				if why == "" {
					why = "a different file is already there"
				}
				at := ""
				switch place {
				case "message":
					at = b.path("abcd0001", "message")
				case "envelope":
					at, done = b.path("abcd0001", saveA.String()), 2
				case "folder":
					if k.Name == "folder" {
						return // that is what belongs there
					}
					at = b.path("abcd0001")
					if k.Is == "" {
						why = "a regular file, expected a folder"
					}
				case "source folder":
					if k.Name == "folder" {
						why = "no such file"
					} else if k.Is == "" {
						why = "expected a folder"
					} else {
						why = ""
					}
					at = b.sp.MessageDir(saveA.Msg())
					os.RemoveAll(at)
				default:
					if k.Is == "" {
						return // that is what belongs there
					}
					at = b.sp.MessagePath(saveA.Msg())
					if place == "source envelope" {
						at, done = b.sp.EnvelopePath(saveA), 2
					}
					os.Remove(at)
				}
				os.MkdirAll(filepath.Dir(at), 0o700)
				k.Make(t, at)
				b.kept(place+" "+k.Name, why, saveA, done)
				if place == "message" && k.Name == "file" && read(t, at) != "something else\n" {
					t.Error("what was there has been written to")
				}
			})
		}
	}
}

// TestSaveDirInTheWay gives --save every kind of file itself. Nothing is done.
func TestSaveDirInTheWay(t *testing.T) {
	for _, k := range safefiletest.Kinds("text") {
		if k.Name == "folder" {
			continue
		}
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			b := newSaveBed(t)
			os.Mkdir(filepath.Dir(b.dir), 0o700)
			k.Make(t, b.dir)
			if status := b.remove("all"); status != command.StatusFailed || !strings.Contains(b.errs.String(), "smtpctl: --save: "+b.dir+": ") ||
				!strings.Contains(b.errs.String(), "nothing done") || b.sim.Requests(protocol.TypeRemove) > 0 {
				t.Errorf("status %d, %s", status, b.errs.String())
			}
		})
	}
}

// TestSaveIntoTheQueue names folders as copies of which smtpd removes the content.
func TestSaveIntoTheQueue(t *testing.T) {
	b := newSaveBed(t)
	link := filepath.Join(t.TempDir(), "link")
	os.Symlink(b.sp.Queue(), link)
	for _, dir := range []string{b.sp.Queue(), b.sp.Queue() + "/ab", b.sp.MessageDir(saveA.Msg()), b.sp.Queue() + "/new/folder", link + "/ab", link + "/../queue/ab"} {
		b.dir = dir
		if status := b.remove("all"); status != command.StatusFailed || !strings.Contains(b.errs.String(), "smtpd deletes files in this folder") {
			t.Errorf("%s: status %d, %s", dir, status, b.errs.String())
		}
	}
	// A folder that leads into the queue by another way is found when it is opened.
	v, err := copies.OpenSaver(filepath.Dir(b.sp.MessageDir(saveA.Msg())), "/nonexistent", copies.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Save(context.Background(), b.sp, &protocol.Envelope{ID: saveA}); err == nil || !strings.Contains(err.Error(), "smtpd's own folder") {
		t.Errorf("the queue itself counts as a copy: %v", err)
	}
	if n := len(b.sim.Envelopes()); n != 3 || b.sim.Requests(protocol.TypeRemove) > 0 {
		t.Errorf("%d of 3 envelopes are left", n)
	}
}

// TestSaveHardLinks finds copies that are other names of the same file: smtpd
// removes only its own name.
func TestSaveHardLinks(t *testing.T) {
	b := newSaveBed(t)
	os.MkdirAll(b.path("abcd0002"), 0o700)
	if err := os.Link(b.sp.MessagePath(saveC.Msg()), b.path("abcd0002", "message")); err != nil {
		t.Skip(err)
	}
	if status := b.remove(saveC.String()); status != 0 || b.left(saveC) {
		t.Errorf("status %d, %s", status, b.errs.String())
	}
	if read(t, b.path("abcd0002", "message")) == "" {
		t.Error("the message is gone")
	}
}

// TestSaveTogether lets many sessions save the same envelopes into one folder.
func TestSaveTogether(t *testing.T) {
	b := newSaveBed(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			v, err := copies.OpenSaver(b.dir, t.TempDir(), copies.Origin{})
			if err != nil {
				t.Error(err)
				return
			}
			defer v.Close()
			for _, id := range []protocol.EnvelopeID{saveA, saveB, saveC} {
				if err := v.Save(context.Background(), b.sp, &protocol.Envelope{ID: id}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, id := range []protocol.EnvelopeID{saveA, saveB, saveC} {
		if read(t, b.path(id.Msg().String(), id.String())) != read(t, b.sp.EnvelopePath(id)) {
			t.Errorf("%v is not what it was", id)
		}
	}
	if names, _ := filepath.Glob(b.dir + "/*/.saving*"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// TestSaveGrows saves a file that grows and one that shrinks while it is copied,
// and one whose copying is interrupted.
func TestSaveGrows(t *testing.T) {
	for name, change := range map[string]func(path string, cancel func()) error{
		"grows":       func(path string, _ func()) error { return os.Truncate(path, 1<<20) },
		"shrinks":     func(path string, _ func()) error { return os.Truncate(path, 70_000) },
		"interrupted": func(_ string, cancel func()) error { cancel(); return nil },
	} {
		path := filepath.Join(t.TempDir(), "file")
		os.WriteFile(path, make([]byte, 200_000), 0o600)
		in, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		err = disk.CopyWhole(ctx, writerFunc(func(p []byte) (int, error) { return len(p), change(path, cancel) }), spool.LocalFile{File: in})
		in.Close()
		cancel()
		if err == nil {
			t.Errorf("%s: copied", name)
		}
	}
	// One that vanishes is copied as a whole, since it is open.
	path := filepath.Join(t.TempDir(), "file")
	os.WriteFile(path, make([]byte, 200_000), 0o600)
	in, _ := os.Open(path)
	defer in.Close()
	n := 0
	if err := disk.CopyWhole(context.Background(), writerFunc(func(p []byte) (int, error) { n += len(p); os.Remove(path); return len(p), nil }), spool.LocalFile{File: in}); err != nil || n != 200_000 {
		t.Errorf("vanished: %d bytes, %v", n, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestSaveFull saves onto a disk that is full, and where nothing may be written.
func TestSaveFull(t *testing.T) {
	if os.Geteuid() != 0 {
		b := newSaveBed(t)
		os.MkdirAll(b.path("abcd0001"), 0o700)
		os.Chmod(b.path("abcd0001"), 0o500)
		b.kept("permission", "permission denied", saveA, 1)
		return
	}
	b := newSaveBed(t)
	os.MkdirAll(b.dir, 0o700)
	if err := unix.Mount("tmpfs", b.dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("cannot mount a small disk here: %v", err)
	}
	defer unix.Unmount(b.dir, unix.MNT_DETACH)
	os.WriteFile(b.sp.MessagePath(saveA.Msg()), make([]byte, 100_000), 0o600)
	b.kept("full", "no space left on device", saveA, 1)
	if names, _ := filepath.Glob(b.dir + "/abcd0001/*"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	if names, _ := filepath.Glob(b.dir + "/abcd0001/.saving*"); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// TestSaveDryRun makes no folder.
func TestSaveDryRun(t *testing.T) {
	b := newSaveBed(t)
	if status := b.remove("-n all"); status != 0 || !strings.Contains(b.errs.String(), "3 envelopes would be removed") {
		t.Errorf("status %d, %s", status, b.errs.String())
	}
	if _, err := os.Lstat(filepath.Dir(b.dir)); err == nil {
		t.Error("a folder was made")
	}
}
