package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestJournal writes as many processes do, and reads it.
func TestJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "er")
	if all, err := Read(dir); err != nil || len(all) != 0 {
		t.Errorf("no folder: %v, %v", all, err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				w := Begin(dir, "user x", fmt.Sprintf("remove %d-%d", i, j), "")
				ids := make([]string, 1000)
				for k := range ids {
					ids[k] = fmt.Sprintf("%016x", k+1)
				}
				w.IDs(ids)
				w.End("done=1000", "/copies", j%2 == 0)
			}
		})
	}
	wg.Wait()
	Begin(dir, "user y", "remove all", "/other.sock").IDs([]string{"0000000100000001"})
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "no JSON\n{}\n%s\n{\"key\":\"cut off", strings.Repeat("x", 3*maxLine))
	f.Close()
	all, err := Read(dir)
	if err != nil || len(all) != 161 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for _, e := range all[:160] {
		if len(e.IDs) != 1000 || e.Ended == nil || e.Outcome != "done=1000" || e.Copies != "/copies" || e.Who != "user x" {
			t.Fatalf("%+v", e)
		}
	}
	if last := all[160]; last.Ended != nil || last.Socket != "/other.sock" || len(last.IDs) != 1 || !strings.Contains(last.text(), "has not ended yet") {
		t.Errorf("%+v: %s", last, last.text())
	}
	all[160].PID = 1 << 30
	if text := all[160].text(); !strings.Contains(text, "was killed, after the request for 1 id had been made or was about to be") {
		t.Error(text)
	}
	if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestJournalGrows puts a long journal aside, once, whoever else writes at the time.
func TestJournalGrows(t *testing.T) {
	dir := t.TempDir()
	Begin(dir, "user x", "remove first", "").End("done", "", false)
	if err := os.Truncate(filepath.Join(dir, name), maxFile); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() { Begin(dir, "user x", fmt.Sprint("remove ", i), "").End("done", "", false) })
	}
	wg.Wait()
	old, err := os.Stat(filepath.Join(dir, oldName))
	if err != nil || old.Size() < maxFile {
		t.Fatalf("%v", err)
	}
	now, err := os.Stat(filepath.Join(dir, name))
	if err != nil || now.Size() >= maxFile {
		t.Fatalf("%v", err)
	}
	// The zeros that Truncate wrote swallow the line after them, and no other.
	if all, err := Read(dir); err != nil || len(all) < 15 || all[0].Command != "remove first" {
		t.Errorf("%d entries, %v", len(all), err)
	}
}

// TestJournalElsewhere begins where nothing can be written.
func TestJournalElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", file, file + "/below"} {
		w := Begin(dir, "user x", "remove all", "")
		w.IDs([]string{"x"})
		if err := w.End("done", "", false); (err == nil) != (dir == "") {
			t.Errorf("%q: %v", dir, err)
		}
	}
	link := t.TempDir()
	if err := os.Symlink(file, filepath.Join(link, name)); err != nil {
		t.Fatal(err)
	}
	if Begin(link, "user x", "remove all", "").End("done", "", false) == nil {
		t.Error("a link was followed")
	}
	if _, err := Read(link); err == nil {
		t.Error("a link was read")
	}
}

// TestJournalFull has a journal that cannot be written any more after the first line.
func TestJournalFull(t *testing.T) {
	w := Begin(t.TempDir(), "user x", "remove all", "")
	w.f.Close()
	w.IDs([]string{"x"})
	if err := w.End("done", "", false); err == nil {
		t.Error("no error")
	}
}

// TestJournalLong has texts of any length: each command is listed, with its beginning and its
// outcome.
func TestJournalLong(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{maxText, maxText + 1, maxLine, 3 << 20} {
		long := strings.Repeat("\x01", n)
		if err := Begin(dir, long, "remove "+long, long).End("done=1"+long, "", true); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
		all, err := Read(dir)
		if err != nil || len(all) == 0 {
			t.Fatalf("%d bytes: %d entries, %v", n, len(all), err)
		}
		if e := all[len(all)-1]; !strings.HasPrefix(e.Command, "remove ") || !strings.HasPrefix(e.Outcome, "done=1") || !e.Failed {
			t.Errorf("%d bytes: %.40q, %.40q", n, e.Command, e.Outcome)
		}
		os.Remove(filepath.Join(dir, name))
	}
}
