package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// A terminal is the program in a pseudo-terminal of 24 rows and 80 columns.
type terminal struct {
	t      *testing.T
	pty    *os.File
	tty    *os.File
	cmd    *exec.Cmd
	before *term.State
	done   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer  // all that the program has written
	news chan struct{} // closed when more is written; nil if nobody waits
	seen int           // how much of it expect has passed

	drawn drawn // the last glass
}

// patience is how long a test waits for something to appear.
const patience = time.Minute

// openTerminal starts the program in a terminal with a home of its own.
func openTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	return openTerminalIn(t, t.TempDir(), nil, args...)
}

func openTerminalIn(t *testing.T, home string, env []string, args ...string) *terminal {
	t.Helper()
	// Without a spool of their own all would share the lock of the machine's, where there is one.
	if at := slices.Index(args, "--socket"); at >= 0 && !slices.Contains(args, "--spool") {
		args = slices.Insert(slices.Clone(args), at+2, "--spool", filepath.Join(home, "no-spool"))
	}
	return inTerminal(t, home, env, exec.Command(program, args...))
}

// inTerminal starts a command in a terminal.
func inTerminal(t *testing.T, home string, env []string, cmd *exec.Cmd) *terminal {
	t.Helper()
	return inTerminalWith(t, home, env, cmd, &syscall.SysProcAttr{Setsid: true, Setctty: true})
}

// inTerminalWith is inTerminal in a session of its own, of which the terminal is the
// controlling one or not.
func inTerminalWith(t *testing.T, home string, env []string, cmd *exec.Cmd, session *syscall.SysProcAttr) *terminal {
	t.Helper()
	p, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	pty.Setsize(p, &pty.Winsize{Rows: 24, Cols: 80})
	// The library leaves it blocking: a read that waits would keep it open after Close,
	// and the program would not see its terminal go.
	if err := syscall.SetNonblock(int(p.Fd()), true); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), append([]string{"TERM=xterm", "LC_ALL=C.UTF-8", "HOME=" + home, "XDG_STATE_HOME=", "NO_COLOR="}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = session
	x := &terminal{t: t, pty: p, tty: tty, cmd: cmd, done: make(chan struct{})}
	x.before = x.settings()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go io.Copy(x, p)
	go func() {
		cmd.Wait()
		close(x.done)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-x.done
		tty.Close()
		p.Close()
	})
	return x
}

// Write takes what the program writes.
func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.news != nil {
		close(x.news)
		x.news = nil
	}
	return x.text.Write(p)
}

// escapes are what go-prompt writes besides text, and what is shown in grey after a line.
var escapes = regexp.MustCompile(`\x1b7\x1b\[0;90;49m[^\x1b]*|\x1b(\[[0-9;?]*[A-Za-z]|[DM78])|\r`)

// output returns what has been written since the last expect.
func (x *terminal) output() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return escapes.ReplaceAllString(string(x.text.Bytes()[x.seen:]), "")
}

// written returns how many bytes have been written.
func (x *terminal) written() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.Len()
}

// more waits until other than so many bytes have been written. It waits no longer than a part
// of a second, since what a test looks for may be elsewhere, too.
func (x *terminal) more(had int) {
	x.mu.Lock()
	var news chan struct{}
	if x.text.Len() == had {
		if x.news == nil {
			x.news = make(chan struct{})
		}
		news = x.news
	}
	x.mu.Unlock()
	if news != nil {
		select {
		case <-news:
		case <-time.After(200 * time.Millisecond):
		}
	}
	time.Sleep(3 * time.Millisecond) // what is written next often belongs to it
}

// all returns all that has been written.
func (x *terminal) all() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

// folds are where a message goes on in the next line.
var folds = regexp.MustCompile(`\n *`)

// unfolded returns all that has been written, with messages on one line.
func (x *terminal) unfolded() string {
	return folds.ReplaceAllString(strings.ReplaceAll(x.all(), "\r", ""), " ")
}

// expect waits until the program has written something that matches, since the
// last expect, and returns it with its groups. A message that is broken between words
// may also match as if it were on one line.
func (x *terminal) expect(pattern string) []string {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	// A blank may be where a line is broken.
	broken, _ := regexp.Compile(strings.ReplaceAll(pattern, " ", `(?:\s+)`))
	deadline := time.Now().Add(patience)
	for {
		had := x.written() // what comes after the match is for the next
		x.mu.Lock()
		out := escapes.ReplaceAllString(string(x.text.Bytes()[x.seen:had]), "")
		x.mu.Unlock()
		m := re.FindStringSubmatch(out)
		if m == nil {
			m = re.FindStringSubmatch(folds.ReplaceAllString(out, " "))
		}
		if m == nil && broken != nil {
			m = broken.FindStringSubmatch(out)
		}
		if m != nil {
			x.mu.Lock()
			x.seen = had
			x.mu.Unlock()
			return m
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no %q in %q", pattern, x.output())
		}
		x.more(had)
	}
}

// editing are keys that mean something to a line editor only. A terminal that no
// program has taken out of its line mode acts on most of them itself, and drops them.
const editing = "\t\x04\x12\x15\x1b"

// keys types, a key at a time. Where one of the keys is for a line editor, it waits for
// the editor first: the output of a command comes before the next prompt.
func (x *terminal) keys(s string) {
	x.t.Helper()
	if strings.ContainsAny(s, editing) {
		x.edits()
	}
	for _, r := range s {
		x.pty.WriteString(string(r))
		time.Sleep(3 * time.Millisecond)
	}
}

// edits waits until the program has taken the terminal out of its line mode.
func (x *terminal) edits() {
	x.t.Helper()
	deadline := time.Now().Add(patience)
	for reflect.DeepEqual(x.settings(), x.before) {
		if time.Now().After(deadline) {
			x.t.Fatalf("no line editor: %q", x.output())
		}
		time.Sleep(time.Millisecond)
	}
}

// paste sends text at once.
func (x *terminal) paste(s string) { x.pty.WriteString(s) }

// run types a command and waits for what it prints.
func (x *terminal) run(line, pattern string) []string {
	x.t.Helper()
	x.keys(line + "\r")
	return x.expect("(?s)" + pattern + `.*smtpctl[^>]*> $`)
}

// settings returns the settings of the terminal.
func (x *terminal) settings() *term.State {
	s, err := term.GetState(int(x.tty.Fd()))
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// restored checks that the terminal is as it was.
func (x *terminal) restored() {
	x.t.Helper()
	if s := x.settings(); !reflect.DeepEqual(s, x.before) {
		x.t.Errorf("the terminal's settings are %+v, were %+v", s, x.before)
	}
}

// ends waits for the program to end, and for all that it has written.
func (x *terminal) ends() {
	x.t.Helper()
	select {
	case <-x.done:
	case <-time.After(patience):
		x.t.Fatalf("still running: %q", x.output())
	}
	// What is written to the other side now comes after it.
	const end = "\nthe end of the output\n"
	if _, err := x.tty.WriteString(end); err != nil {
		return // the other side is closed
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		x.mu.Lock()
		text, found := strings.CutSuffix(x.text.String(), strings.ReplaceAll(end, "\n", "\r\n"))
		if !found { // its settings are not those of a line
			text, found = strings.CutSuffix(text, end)
		}
		if found {
			x.text.Truncate(len(text))
		}
		x.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(deadline) {
			x.t.Fatalf("no end of the output: %q", x.all())
		}
	}
}

// ended waits for the program to end and for all that it has written, and checks its status
// and that the terminal is as it was.
func (x *terminal) ended(status int) {
	x.t.Helper()
	x.ends()
	if got := x.cmd.ProcessState.ExitCode(); got != status {
		x.t.Errorf("exit status %d, want %d: %q", got, status, x.output())
	}
	x.restored()
}
