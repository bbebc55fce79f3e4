package hold

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
)

// testStore returns the store of a new folder.
func testStore(t *testing.T) (*store, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	st, err := openStore(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.close)
	return st, dir
}

// TestRecord writes records and reads them, in the order in which they were made.
func TestRecord(t *testing.T) {
	st, dir := testStore(t)
	for i, terms := range [][]string{{"domain=b.example"}, {"from=a@x.example", "domain=a.example"}} {
		r := &Record{Socket: "/s", Terms: terms, Made: render.Time(100 - i), Who: "user x"}
		r.with([]protocol.EnvelopeID{7<<32 | 1, 3<<32 | 1, 7<<32 | 1})
		if err := st.write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.write(&Record{Socket: "/other", Terms: []string{"domain=b.example"}}); err != nil {
		t.Fatal(err)
	}
	again, all, err := recordsOf(dir, "/s")
	if err != nil || len(all) != 2 || all[0].Selector() != "from=a@x.example domain=a.example" || len(all[0].ids) != 2 || all[0].ids[0] != 3<<32|1 {
		t.Fatalf("%+v, %v", all, err)
	}
	again.close()
	other := &Record{Socket: "/s", Terms: []string{"domain=a.example", "from=a@x.example"}}
	if r, err := st.read(other.key()); err != nil || r.Made != 99 {
		t.Errorf("in another order: %+v, %v", r, err)
	}
	if err := st.remove(other); err != nil {
		t.Error(err)
	}
	if _, err := st.read(other.key()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	if err := st.remove(other); err != nil {
		t.Errorf("removed by two: %v", err)
	}
	big := &Record{Socket: "/s", Terms: []string{"domain=b.example"}}
	big.ids = make([]protocol.EnvelopeID, maxIDs+1)
	if err := st.write(big); err == nil || !strings.Contains(err.Error(), "records at most 200000 envelopes") {
		t.Errorf("too many: %v", err)
	}
	big.ids = big.ids[:0]
	for i := range maxIDs {
		big.ids = append(big.ids, protocol.EnvelopeID(i+1)<<32|1)
	}
	if err := st.write(big); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	if r, err := st.read(big.key()); err != nil || len(r.ids) != maxIDs {
		t.Errorf("as many as there may be: %v", err)
	}
}

// TestNoStore opens what is not there, and what must not be used.
func TestNoStore(t *testing.T) {
	dir := t.TempDir()
	if st, all, err := recordsOf(dir, "/s"); st != nil || all != nil || err != nil {
		t.Errorf("no folder: %v, %v", all, err)
	}
	if _, _, err := recordsOf(dir+"/nowhere", "/s"); err != nil {
		t.Errorf("no state folder: %v", err)
	}
	if _, err := openStore("", true); err == nil {
		t.Error("no home folder, and no error")
	}
	if err := os.Symlink("/tmp", filepath.Join(dir, dirName)); err != nil {
		t.Fatal(err)
	}
	var unfit *safefile.UnfitError
	if _, _, err := recordsOf(dir, "/s"); !errors.As(err, &unfit) {
		t.Errorf("a link: %v", err)
	}
}

// TestDamaged reads what is no record: each is an error that names the file, and keeps
// nobody from the others.
func TestDamaged(t *testing.T) {
	good := &Record{Socket: "/s", Terms: []string{"domain=a.example"}}
	text := func(socket, selector, more string) string {
		return fmt.Sprintf(`{"socket":%q,"selector":[%s],"made":"2026-01-01T00:00:00Z","who":"x"%s}`, socket, selector, more)
	}
	name := good.key()
	for what, text := range map[string]string{
		"empty": "", "cut off": text("/s", `"domain=a.example"`, "")[:40], "no JSON": "hello\n", "no terms": text("/s", "", ""),
		"no term": text("/s", `"x"`, ""), "of content": text("/s", `"body~x"`, ""), "another": text("/s", `"domain=b.example"`, ""),
		"no id": text("/s", `"domain=a.example"`, `,"ids":["x"]`), "no time": text("/s", `"domain=a.example"`, `,"until":"soon"`),
		"a message": text("/s", `"domain=a.example"`, `,"ids":["0000000000000001"]`), "long": strings.Repeat(" ", maxRecord+1),
		"zeros": strings.Repeat("\x00", 4096), "many terms": text("/s", strings.Repeat(`"domain=a.example",`, maxTerms)+`"domain=a.example"`, ""),
	} {
		st, dir := testStore(t)
		if err := st.write(&Record{Socket: "/s", Terms: []string{"domain=other.example"}}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, dirName, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		again, all, err := recordsOf(dir, "/s")
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), name) || len(all) != 1 {
			t.Errorf("%s: %v, %v", what, all, err)
		}
		again.close()
	}
}

// TestLate says that a time is over only where one is.
func TestLate(t *testing.T) {
	if text := Late("", "/s"); text != "" {
		t.Error(text)
	}
	st, dir := testStore(t)
	for i, until := range []int64{0, time.Now().Unix() + 100, time.Now().Unix() - 1} {
		if text := Late(dir, "/s"); text != "" {
			t.Errorf("after %d: %s", i, text)
		}
		if err := st.write(&Record{Socket: "/s", Terms: []string{fmt.Sprintf("domain=d%d.example", i)}, Until: render.Time(until)}); err != nil {
			t.Fatal(err)
		}
	}
	if text := Late(dir, "/s"); !strings.HasPrefix(text, "the time of 1 hold is over, but no pass has ended it: ") {
		t.Error(text)
	}
}

// TestLeftBehind has what a process left that was killed in the middle of a write.
func TestLeftBehind(t *testing.T) {
	st, dir := testStore(t)
	r := &Record{Socket: "/s", Terms: []string{"domain=a.example"}, Who: "first"}
	if err := st.write(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, dirName, newName), []byte(`{"socket":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := st.all(); err != nil || len(all) != 1 || all[0].Who != "first" {
		t.Fatalf("%v, %v", all, err)
	}
	r.Who = "second"
	if err := st.write(r); err != nil {
		t.Fatal(err)
	}
	if all, err := st.all(); err != nil || len(all) != 1 || all[0].Who != "second" {
		t.Fatalf("%v, %v", all, err)
	}
}

// TestFullDisk writes where there is no room: the record stays as it was.
func TestFullDisk(t *testing.T) {
	st, dir := testStore(t)
	r := &Record{Socket: "/s", Terms: []string{"domain=a.example"}, Who: "first"}
	if err := st.write(r); err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	small := before
	small.Cur = 16
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip(err)
	}
	r.Who = strings.Repeat("x", 100)
	err := st.write(r)
	if rerr := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); rerr != nil {
		t.Fatal(rerr)
	}
	if !errors.Is(err, syscall.EFBIG) || !strings.Contains(err.Error(), ".hold: ") {
		t.Errorf("%v", err)
	}
	if all, err := st.all(); err != nil || len(all) != 1 || all[0].Who != "first" {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, dirName, newName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what could not be written is left: %v", err)
	}
}

// TestTwoAtOnce has many change one record and make others: none is lost.
func TestTwoAtOnce(t *testing.T) {
	_, dir := testStore(t)
	shared := &Record{Socket: "/s", Terms: []string{"domain=a.example"}}
	const each = 20
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			st, err := openStore(dir, true)
			if err != nil {
				t.Error(err)
				return
			}
			defer st.close()
			for j := range each {
				unlock, err := st.lock(context.Background(), time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				r, err := st.read(shared.key())
				if errors.Is(err, fs.ErrNotExist) {
					r = &Record{Socket: "/s", Terms: shared.Terms}
				}
				r.with([]protocol.EnvelopeID{protocol.EnvelopeID(1+i*each+j)<<32 | 1})
				if err := st.write(r); err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	wg.Wait()
	again, all, err := recordsOf(dir, "/s")
	if err != nil || len(all) != 1 || len(all[0].ids) != 8*each {
		t.Fatalf("%v, %v", all, err)
	}
	defer again.close()
	unlock, err := again.lock(context.Background(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	other, err := openStore(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if _, err := other.lock(context.Background(), 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "another smtpctl is changing holds") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := other.lock(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// FuzzRecord reads anything as a record.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"socket":"/s","selector":["domain=a.example"],"made":"2026-01-01T00:00:00Z","who":"x","ids":["0000000100000001"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text)
		if err == nil && (len(r.selector) == 0 || len(r.ids) > maxIDs) {
			t.Errorf("%q: %+v", text, r)
		}
	})
}
