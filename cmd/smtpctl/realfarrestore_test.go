package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// owners returns the modes and users of all beneath a folder, but for folders that have no
// messages.
func owners(dir string) string {
	var b strings.Builder
	filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if below, _ := filepath.Glob(path + "/*"); err == nil && (!info.IsDir() || len(below) > 0) {
			st := info.Sys().(*syscall.Stat_t)
			fmt.Fprintln(&b, path, info.Mode(), st.Uid)
		}
		return nil
	})
	return b.String()
}

// TestRealFarRestore removes mail of a real smtpd over ssh, and restores it over ssh into its
// queue, also after restore was killed: the files are the same byte for byte, and smtpd delivers
// each mail once, under its old id but for one step. So it does with mail of which a part was never removed, which gets a new id.
func TestRealFarRestore(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	b := newFarBed(t, "")
	opts := []string{"--socket", d.Socket, "--spool", d.Spool, "--host", "mx1"}
	far := func(words ...string) result { return b.run("", append(opts[:len(opts):len(opts)], words...)...) }
	const written = 5                               // after which the files are there, and before which nothing says so
	for i, step := range []int{0, 2, 5, 8, 9, 10} { // at which restore is killed; 0 for none
		what := fmt.Sprintf("killed at step %d", step)
		for k := range 4 {
			d.Send(realsmtpd.Mail{From: fmt.Sprintf("a%d@x.example", k), To: []string{fmt.Sprintf("b%d@ok.example", k), fmt.Sprintf("c%d@ok.example", k)}, Body: "Subject: kept\n\n" + strings.Repeat("line\n", 1+k*k*1000)})
		}
		d.WaitQueued(8)
		queued := contents(t, filepath.Join(d.Spool, "queue"))
		mail := mails(t, filepath.Join(d.Spool, "queue"))
		before := owners(filepath.Join(d.Spool, "queue"))
		dir := filepath.Join(t.TempDir(), "saved")
		if r := far("remove", "--save", dir, "all"); r.status != 0 || r.stdout != "8 envelopes removed\n" {
			t.Fatalf("%s: %v", what, r)
		}
		if step > 0 {
			cmd := b.command(append(opts[:len(opts):len(opts)], "restore", dir)...)
			if self, err := os.Executable(); err == nil {
				cmd.Path = self
			}
			cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", killVariable, step))
			if r := runCommand(t, cmd, ""); r.status == 0 {
				t.Errorf("%s: it was not killed: %v", what, r)
			}
			for deadline := time.Now().Add(patience); len(b.Sessions()) > 0 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			}
		}
		r := far("restore", dir)
		if r.status != 0 || step == 0 && (r.stdout != "8 envelopes restored\n" || r.stderr != "") {
			t.Errorf("%s: %v\n%s", what, r, d.Log())
		}
		d.WaitQueued(8)
		if !slices.Equal(mails(t, filepath.Join(d.Spool, "queue")), mail) {
			t.Errorf("%s: the mail is not the same", what)
		}
		if step == written { // its ids are those of files in incoming of which no record is
			if strings.Count(r.stderr, " is ") != 5 {
				t.Errorf("%s: %v", what, r)
			}
		} else if sameFiles(t, what, contents(t, filepath.Join(d.Spool, "queue")), queued); owners(filepath.Join(d.Spool, "queue")) != before {
			after := owners(filepath.Join(d.Spool, "queue"))
			t.Errorf("%s: users and modes there:\n%s\nbefore\n%s", what, after, before)
		}
		if i == 0 {
			if r := far("remove", "--save", dir, "to=b*"); r.stdout != "4 envelopes removed\n" {
				t.Errorf("a part: %v", r)
			}
			if r := far("restore", dir); r.status != 0 || r.stdout != "4 envelopes restored\n" || strings.Count(r.stderr, " now\n") != 4 {
				t.Errorf("a part: %v", r)
			}
			d.WaitQueued(8)
		}
		deliveredOnce(t, d, what, 8)
	}
}
