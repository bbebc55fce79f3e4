package main

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestFollowOnATerminal follows the queue on two sizes of the screen: the lines stand in
// the columns of what was there before.
func TestFollowOnATerminal(t *testing.T) {
	t.Parallel()
	for _, size := range []struct {
		rows, cols uint16
		want       string
	}{
		{24, 80, `TIME +EVENT ID +TRIES FROM +TO\n +ERROR\n[\d:]{8} came  abcd000200000001 .*@mail\.example\.com .*@example\.org\n  451 4\.7\.1 greylisted, try again later\n`},
		{50, 200, `TIME +EVENT ID +TRIES FROM +TO +ERROR\n[\d:]{8} came  abcd000200000001 .* recipient@example\.org 451 4\.7\.1 greylisted, try again later\n`},
	} {
		s, path := simtest.Start(t, smtpdsim.Config{})
		s.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Text: tableMail})
		x := openTerminal(t, "--socket", path)
		pty.Setsize(x.pty, &pty.Winsize{Rows: size.rows, Cols: size.cols})
		x.expect(promptRE)
		x.keys("show queue --follow\r")
		x.expect(`following 1 envelope; Ctrl-C ends`)
		s.Add(smtpdsim.Envelope{ID: 0xabcd000200000001, Text: tableMail})
		x.expect(size.want)
		x.keys("\x03")
		x.expect(promptRE)
		x.keys("exit\r")
		x.ended(130) // that of the command that was interrupted
	}
}

// TestRealFollow follows the queue of a real smtpd while mail comes, is tried and is
// removed, and while smtpd is restarted.
func TestRealFollow(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	cmd := newStream(t, exec.Command(program, "--socket", d.Socket, "--spool", d.Spool, "show", "queue", "--follow", "from=followed@x.example"))
	lines, said := cmd.lines, cmd.said
	awaitLine(t, said, "following 0 envelopes")
	d.Send(realsmtpd.Mail{From: "followed@x.example", To: []string{"b@temp.example"}}, realsmtpd.Mail{From: "other@x.example", To: []string{"b@temp.example"}})
	id, _, _ := strings.Cut(strings.SplitN(awaitLine(t, lines, "|came|"), "|", 3)[2], "|")
	time.Sleep(2 * time.Second) // the first attempt may have been over before it was seen
	if r := ours(t, d, "", "schedule", id); r.status != 0 {
		t.Fatal(r)
	}
	if line := awaitLine(t, lines, "|tried|"); !strings.Contains(line, id) {
		t.Errorf("%q, want %s", line, id)
	}
	d.Restart(func() {})
	awaitLine(t, said, "smtpd was restarted")
	if r := ours(t, d, "", "remove", id); r.status != 0 {
		t.Fatal(r)
	}
	for line := ""; !strings.Contains(line, "|left|"); {
		if line = awaitLine(t, lines, ""); !strings.Contains(line, id) || strings.Contains(line, "|came|") {
			t.Errorf("%q", line)
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
}

// linesOf returns the lines of a stream as they come.
func linesOf(r interface{ Read([]byte) (int, error) }) <-chan string {
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// awaitLine returns the next line that holds a text.
func awaitLine(t *testing.T, lines <-chan string, text string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("no line with %q", text)
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			t.Fatalf("no line with %q", text)
		}
	}
}
