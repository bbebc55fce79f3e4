package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/safefile/safefiletest"
)

// realIDs returns the envelopes that a real smtpd lists.
func realIDs(t *testing.T, d *realsmtpd.Daemon) []string {
	t.Helper()
	var ids []string
	for line := range strings.Lines(ours(t, d, "", "show", "queue", "-o", "plain").stdout) {
		id, _, _ := strings.Cut(line, "|")
		ids = append(ids, id)
	}
	return ids
}

// TestRealSave removes mail from a real smtpd with --save, with every kind of file
// in the way of the copies and in the place of the files of the queue, and puts
// what was saved back into the queue.
func TestRealSave(t *testing.T) {
	kinds := safefiletest.Kinds("something else\n")
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	for i := range len(kinds) + 1 {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{fmt.Sprintf("a%d@temp.example", i), fmt.Sprintf("b%d@temp.example", i)}, Body: "Subject: kept\n\nbody\n"})
	}
	d.WaitQueued(2 * (len(kinds) + 1))
	ids := realIDs(t, d)
	text := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	file := func(id, name string) string { return filepath.Join(d.Spool, "queue", id[:2], id[:8], name) }
	free := ids[len(ids)-1] // whose message nothing is in the way of
	envelope, message := text(file(free, free)), text(file(free, "message"))

	// A dry run makes nothing, as root and in the sandbox.
	dir := filepath.Join(t.TempDir(), "new", "saved")
	if r := ours(t, d, "", "-n", "remove", "--save", dir, "all"); r.status != 0 || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes would be removed", len(ids))) {
		t.Errorf("dry run: %v", r)
	}
	if _, err := os.Lstat(filepath.Dir(dir)); err == nil {
		t.Error("the dry run made a folder")
	}
	// Nothing is removed that cannot be saved; the rest is.
	kept := map[string]bool{}
	for i, k := range kinds {
		id := ids[2*i]
		os.MkdirAll(filepath.Join(dir, id[:8]), 0o700)
		k.Make(t, filepath.Join(dir, id[:8], "message"))
		kept[id[:8]] = true
	}
	r := ours(t, d, "", "remove", "--save", dir, "all")
	if r.status != 1 || r.stdout != "2 envelopes removed\n" || !strings.Contains(r.stderr, fmt.Sprintf("%d envelopes could not be saved and were not removed", 2*len(kinds))) {
		t.Errorf("in the way: %v", r)
	}
	left := realIDs(t, d)
	for _, id := range left {
		if !kept[id[:8]] {
			t.Errorf("%s is still there", id)
		}
	}
	if len(left) != 2*len(kinds) {
		t.Errorf("%d of %d envelopes are left", len(left), 2*len(kinds))
	}
	saved := func(name string) string { return text(filepath.Join(dir, free[:8], name)) }
	if saved("message") != message || saved(free) != envelope {
		t.Error("the copy is not what there was")
	}
	// What was saved can be put back.
	evp, err := protocol.ParseEnvelopeID(free)
	if err != nil {
		t.Fatal(err)
	}
	d.Plant(realsmtpd.Planted{ID: evp, Text: saved(free), Body: saved("message")})
	if r := ours(t, d, "", "discover", free); r.status != 0 || r.stdout != "1 envelope discovered\n" {
		t.Errorf("discover: %v", r)
	}
	if r := ours(t, d, "", "show", "message", free); r.stdout != message {
		t.Errorf("put back: %v", r)
	}

	// Every kind of file in the place of a message of the queue: an error at once,
	// one-shot and in a script, and the mail stays.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for i, k := range kinds {
		id := ids[2*i]
		path := file(id, "message")
		os.Rename(path, path+"-away")
		k.Make(t, path)
		if k.Is == "" {
			os.Remove(path)
			os.Rename(path+"-away", path)
			continue
		}
		for _, how := range []string{"one-shot", "script"} {
			start := time.Now()
			var r result
			if how == "script" {
				r = ours(t, d, "show message "+id+"\n", "-k")
			} else {
				r = ours(t, d, "", "show", "message", id)
			}
			if took := time.Since(start); r.status != 1 || r.stdout != "" || !strings.Contains(r.stderr, path+": it is "+k.Is+", expected a regular file") || took > 10*time.Second {
				t.Errorf("%s, %s: %v after %v", k.Name, how, r, took)
			}
		}
		if r := ours(t, d, "", "remove", "--save", elsewhere, id); r.status != 1 || !strings.Contains(r.stderr, "envelope "+id+" is kept: ") {
			t.Errorf("%s: %v", k.Name, r)
		}
		os.RemoveAll(path)
		os.Rename(path+"-away", path)
	}
	r = ours(t, d, "", "remove", "--save", elsewhere, "all")
	if n := len(realIDs(t, d)); n != 0 || r.status != 0 || r.stdout != fmt.Sprintf("%d envelopes removed\n", 2*len(kinds)+1) {
		t.Errorf("%d envelopes are left, %v", n, r)
	}
}
