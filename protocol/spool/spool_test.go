package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/safefile"
)

func write(t *testing.T, s *Spool, id protocol.EnvelopeID, text string) {
	t.Helper()
	if err := os.MkdirAll(s.MessageDir(id.Msg()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.EnvelopePath(id), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// errLink stands for the error of a link in a queue.
var errLink = errors.New("a link")

func TestSpool(t *testing.T) {
	s := Open(t.TempDir())
	text := "version: 3\ntype: mta\nrcpt: r@x.example\nctime: 5\n"
	ids := []protocol.EnvelopeID{0x0000000100000001, 0x00ff000000000001, 0xab00000000000001, 0xab00000000000002, 0xabcd000100000001}
	for _, id := range ids {
		write(t, s, id, text)
	}
	write(t, s, 0x0100000000000001, "nonsense")
	write(t, s, 0x0200000000000001, "\x1f\x8b...")
	write(t, s, 0x0300000000000001, "\x01...")
	os.WriteFile(filepath.Join(s.MessageDir(0xabcd0001), "message"), []byte("hello"), 0o600)
	os.WriteFile(filepath.Join(s.MessageDir(0xabcd0001), "abcd000200000001"), []byte("foreign"), 0o600)
	os.WriteFile(filepath.Join(s.Queue(), "junk"), nil, 0o600)
	os.MkdirAll(filepath.Join(s.Queue(), "ab", "cdcd0001"), 0o700)
	os.Symlink("gone", filepath.Join(s.MessageDir(0xabcd0001), "abcd000100000009"))
	var got []protocol.EnvelopeID
	var errs []error
	for e, err := range s.Envelopes(context.Background()) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if e.Created != 5 {
			t.Errorf("%v: %+v", e.ID, e)
		}
		got = append(got, e.ID)
	}
	slices.Sort(got)
	for i, err := range errs {
		var unfit *safefile.UnfitError
		if errors.As(err, &unfit) { // a link: the rest of the text is that of package os
			errs[i] = fmt.Errorf("%s: %w", strings.TrimSuffix(strings.TrimPrefix(err.Error(), "open "), ": "+unfit.Error()), errLink)
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if fmt.Sprint(got) != fmt.Sprint(ids) {
		t.Errorf("got %v, want %v", got, ids)
	}
	want := []struct {
		err  error
		path string
	}{
		{protocol.ErrNotEnvelope, "01/01000000/0100000000000001"}, {errEarly, "02/02000000/0200000000000001"}, {ErrNoKey, "03/03000000/0300000000000001"},
		{errLink, "ab/abcd0001/abcd000100000009"}, {ErrForeign, "ab/abcd0001/abcd000200000001"}, {ErrForeign, "ab/cdcd0001"}, {ErrForeign, "junk"},
	}
	for i, w := range want {
		if len(errs) != len(want) || !errors.Is(errs[i], w.err) || !strings.HasPrefix(errs[i].Error(), filepath.Join(s.Queue(), w.path)+": ") {
			t.Fatalf("error %d of %d, want %v of %s: %v", i, len(errs), w.err, w.path, errs)
		}
	}
	if err := vanished("x", fs.ErrNotExist); !errors.Is(err, ErrVanished) {
		t.Errorf("a file that has gone: %v", err)
	}
	var b strings.Builder
	if err := s.CopyMessage(&b, 0xabcd0001); err != nil || b.String() != "hello" {
		t.Errorf("message %q, %v", b.String(), err)
	}
	if err := s.CopyMessage(&b, 0xabcd0002); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing message: %v", err)
	}
	if err := s.CopyEnvelope(&b, 0x0200000000000001); err == nil || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("compressed envelope: %v", err)
	}
}

func TestLast(t *testing.T) {
	s := Open(t.TempDir())
	const low, high = protocol.EnvelopeID(0x0700000100000002), protocol.EnvelopeID(0x0700000100000003)
	if s.IsLastEnvelope(high) {
		t.Error("yes without a folder")
	}
	write(t, s, low, "x")
	os.WriteFile(s.MessagePath(low.Msg()), []byte("hello"), 0o600)
	if !s.IsLastEnvelope(low) {
		t.Error("no for the only one")
	}
	if s.IsLastEnvelope(high) {
		t.Error("yes for one that is not there")
	}
	write(t, s, high, "x")
	if s.IsLastEnvelope(low) || !s.IsLastEnvelope(high) {
		t.Errorf("of two: first %v, second %v", s.IsLastEnvelope(low), s.IsLastEnvelope(high))
	}
	for i := range protocol.EnvelopeID(fulltest.Of(3000, 600)) {
		write(t, s, low-0x10000+i, "x")
	}
	if s.IsLastEnvelope(low) {
		t.Error("yes for the second largest of many")
	}
}

// TestWalkOrder reads a large queue while the consumer is slow, and stops early.
func TestWalkOrder(t *testing.T) {
	t.Parallel()
	s, n := Open(t.TempDir()), fulltest.Of(2000, 300)
	for i := range protocol.EnvelopeID(n) {
		write(t, s, (i*2654435761%(1<<32)|1)<<32|i+1, "version: 3\nctime: 1\n")
	}
	order := func() (ids []protocol.EnvelopeID) {
		for e, err := range s.Envelopes(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, e.ID)
		}
		return ids
	}
	first := order()
	if len(first) != n || !slices.Equal(first, order()) {
		t.Errorf("%d envelopes, or another order the second time", len(first))
	}
	read := 0
	for range s.Envelopes(context.Background()) {
		if read++; read == 10 {
			break
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	for _, err := range s.Envelopes(ctx) {
		cancel()
		last = err
	}
	if !errors.Is(last, context.Canceled) {
		t.Errorf("after cancelling: %v", last)
	}
}

// TestHeld walks a queue to its end and not, in each way there is: the folder that is held
// meanwhile is closed again, and a queue that took its place is seen by the next walk.
func TestHeld(t *testing.T) {
	s, id := plantFile(t, []byte("x"))
	descriptors := func() int {
		all, err := os.ReadDir("/dev/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(all)
	}
	walks := map[string]func() (found bool){
		"Messages": func() bool {
			msgs, err := s.Messages(10)
			return err == nil && slices.Contains(msgs, id.Msg())
		},
		"Folders": func() (found bool) {
			for f := range s.Folders() {
				found = found || f.Message == id.Msg()
			}
			return found
		},
		"Folders, the first": func() bool {
			for f := range s.Folders() {
				return f.Message == id.Msg()
			}
			return false
		},
		"EachMessageIDs": func() (found bool) {
			s.EachMessageIDs([]protocol.MessageID{id.Msg(), id.Msg() + 1}, func(_ protocol.MessageID, ids []protocol.EnvelopeID, _ error) bool {
				found = slices.Contains(ids, id)
				return false
			})
			return found
		},
		"Envelopes, the first": func() bool {
			for _, err := range s.Envelopes(t.Context()) {
				return err != nil // it is no envelope, but it is there
			}
			return false
		},
	}
	for name, walk := range walks {
		before := descriptors()
		if !walk() {
			t.Errorf("%s does not find what is there", name)
		}
		if after := descriptors(); after != before {
			t.Errorf("%s: %d open files before, %d after", name, before, after)
		}
	}
	if err := os.Rename(s.Queue(), s.Queue()+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.Queue(), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, walk := range walks {
		if walk() {
			t.Errorf("%s still reads the queue that was there before", name)
		}
	}
}
