package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLongCommand gives commands thousands of ids, as xargs does. Their records stay short, since
// each copy has one, and can be read: copies can be restored, and the journals list the commands.
func TestLongCommand(t *testing.T) {
	t.Parallel()
	b := newRestoreBed(t)
	var ids []string
	for _, id := range b.ids {
		ids = append(ids, id.String())
	}
	for i := range 5000 {
		ids = append(ids, fmt.Sprintf("%016x", 0x6e00000000000000+i))
	}
	state := t.TempDir()
	does := func(want string, words ...string) {
		t.Helper()
		cmd := exec.Command(program, append(b.args, words...)...)
		cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state)
		r := runCommand(t, cmd, "")
		if r.status != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("%.60q: status %d, %.300q, %.300q", words, r.status, r.stdout, r.stderr)
		}
	}
	does("6 envelopes restored", "restore", b.dir)
	does("6 envelopes removed", append([]string{"remove", "--save", b.dir}, ids...)...)
	does(": 6 envelopes saved", "show", "journal", b.dir)
	does("6 envelopes restored", append([]string{"restore", b.dir}, ids...)...)
	does("6 envelopes paused", append([]string{"pause", "envelope"}, ids...)...)
	does("pause envelope "+ids[0], "show", "journal")
	does("remove "+ids[0], "show", "journal")
	does("restore ", "show", "journal")
	for _, path := range []string{filepath.Join(b.dir, "journal"), filepath.Join(state, "smtpctl", "journal")} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if len(line) > 16<<10 {
				t.Errorf("%s: a line has %d bytes: %.100s", path, len(line), line)
			}
		}
	}

	// Records were written that had the whole command.
	f, err := os.OpenFile(filepath.Join(b.dir, "journal"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, `{"event":"saved","id":%q,"who":"x","command":"remove %s"}`+"\n", ids[0], strings.Repeat("abcd000100000001 ", 100_000))
	f.Close()
	does("1 envelope removed", "remove", ids[0])
	does("1 envelope restored", "restore", b.dir, ids[0])
}
