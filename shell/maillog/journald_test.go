package maillog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeJournal makes a script the journalctl of the test.
func fakeJournal(t *testing.T, script string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journalctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	before := journalctl
	journalctl = []string{"/nonexistent/journalctl", path}
	t.Cleanup(func() { journalctl = before })
}

// TestJournal reads what journalctl writes, and ends it where it goes on.
func TestJournal(t *testing.T) {
	const line = "2026-11-25T10:00:00+0000 mx smtpd[7]: 1bae673b72d6a93b mta delivery evpid=623fb1b6fd8c25a3 from=<s@x.example> to=<a@y.example> result=\"Ok\" stat=\"250 taken\""
	fakeJournal(t, `[ "$*" = "--no-pager --quiet --output=short-iso --identifier=smtpd" ] && echo '-- Boot 0 --' && echo '`+line+"'")
	j, err := OpenJournal(0)
	if err != nil {
		t.Fatal(err)
	}
	r := NewReader(Query{Addresses: []string{"a@y.example"}})
	if err := r.Read(context.Background(), j, time.Now(), nil); err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil || len(r.Stories()) != 1 {
		t.Errorf("%v, %v", err, r.Stories())
	}

	fakeJournal(t, "echo 'no rights to read it' >&2; exit 1")
	if j, err = OpenJournal(5); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err == nil || !strings.Contains(err.Error(), "journalctl: no rights to read it") {
		t.Error(err)
	}

	fakeJournal(t, "while :; do echo x; done")
	if j, err = OpenJournal(0); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}

	// One that hangs is ended by whoever is interrupted.
	fakeJournal(t, "exec sleep 100")
	if j, err = OpenJournal(0); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, j.Interrupt)
	begun := time.Now()
	if err := NewReader(Query{}).Read(context.Background(), j, time.Now(), nil); err != nil {
		t.Error(err)
	}
	if j.Close(); time.Since(begun) > 30*time.Second {
		t.Errorf("it took %v", time.Since(begun))
	}

	journalctl = []string{"/nonexistent/journalctl"}
	if _, err := OpenJournal(0); !errors.Is(err, ErrNoJournal) {
		t.Error(err)
	}
}
