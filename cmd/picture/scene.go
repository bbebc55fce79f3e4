package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"

	"smtpctl/cmd/internal/glass"
)

// A scene is how one picture is made: how smtpctl is started, and in which steps keys are
// typed at it.
type scene struct {
	name        string // of the file, without .svg
	title, desc string // for readers who cannot see the picture
	cols, rows  int    // of the terminal
	args        []string
	steps       []step
}

// A step waits until the text of the screen matches the regular expression shown, and then
// types keys.
type step struct{ shown, keys string }

// scenes are the scenes of all pictures. The picture shows the screen after the last step. The
// screen has room for the tallest menu that may appear while a line is typed: otherwise the
// screen could scroll, depending on how fast the keys arrive.
var scenes = []*scene{
	{
		name: "prompt", title: "smtpctl at its prompt", cols: 100, rows: 32, args: []string{"--demo"},
		desc: "A terminal with four commands. \"show queue by error\" counts 300 envelopes by their last error. \"explain 2aba\" says why one of them waits, " +
			"and which command would help. \"pause mta\" stops relaying, which the prompt shows from then on. While \"remove gmi\" is typed, a menu offers " +
			"the envelopes whose addresses contain gmi, each with its id, sender, recipient and state.",
		steps: []step{
			{`300 envelopes; \? or help\ndemo smtpctl>$`, "show queue by error\r"},
			{`300 .* total\ndemo smtpctl>$`, "explain 2aba\r"},
			{`do: +schedule \w+\ndemo smtpctl>$`, "pause mta\r"},
			{`\[mta paused\]>$`, "remove gmi"},
			{`> remove gmi\n( +\w{16} .*\n)+ +\d+ more: type on`, "\t"},
			{`> remove [0-9a-f]{16}\n( +\w{16} .*\n)+ +\d+ more`, ""},
		},
	},
	{
		name: "browse", title: "smtpctl browse: the queue on a whole screen", cols: 100, rows: 24, args: []string{"--demo", "browse", "domain=gmial.example"},
		desc: "A terminal with a list of envelopes to gmial.example, the oldest first, with age, state, attempts, next attempt, sender, recipient and last error. " +
			"Three of them are marked. Below, smtpctl asks before it removes them: it says how many there are, from which senders and to which domains.",
		steps: []step{
			{` 42 envelopes, (.*\n)+> (.*\n)+.*keys`, "s"},
			{`sort by(.*\n)+> id`, "a"},
			{`> age`, "\r"},
			{`sort=age .* 42 envelopes, (.*\n)+> `, "S"},
			{`sort=-age .* 42 envelopes, (.*\n)+> `, " jj jj j"},
			{`3 marked`, "d"},
			{`3 marked, 42 envelopes, (.*\n)+remove: 3 envelopes(.*\n)+remove them\? \[y/N\]$`, ""},
		},
	},
}

// patience is how long the screen may take to show what a step waits for, and the program to
// end.
const patience = time.Minute

// A terminal keeps everything that the program has written. It may be used from several
// goroutines at once.
type terminal struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps the output of the program. It never fails.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// screen returns the screen that the terminal shows, in the size of the scene.
func (t *terminal) screen(s *scene) *glass.Glass {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := glass.New(s.cols, s.rows)
	g.Write(t.text.String())
	return g
}

// play starts the program, carries out the steps of the scene, returns the last screen and
// ends the program. The program has a home folder of its own in temp.
func (s *scene) play(program, temp string) (*glass.Glass, error) {
	home, err := os.MkdirTemp(temp, "home-")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, s.args...)
	cmd.Dir = home
	cmd.Env = []string{"TERM=xterm-256color", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + home, "TMPDIR=" + temp, "PAGER=cat", "PATH=" + os.Getenv("PATH")}
	p, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: uint16(s.rows), Cols: uint16(s.cols)})
	if err != nil {
		return nil, err
	}
	t := &terminal{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		io.Copy(t, p)
	}()
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM) // lets the program remove its files
		end := time.AfterFunc(patience, func() { cmd.Process.Kill() })
		defer end.Stop()
		cmd.Wait()
		p.Close()
		<-read
	}()
	for _, step := range s.steps {
		if err := t.await(s, step.shown, read); err != nil {
			return nil, err
		}
		for _, key := range step.keys {
			if _, err := io.WriteString(p, string(key)); err != nil {
				return nil, err
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return t.screen(s), nil
}

// await waits until the text of the screen matches shown and has not changed since the look
// before. It fails if ended is closed, or after patience.
func (t *terminal) await(s *scene, shown string, ended <-chan struct{}) error {
	re := regexp.MustCompile(shown)
	before := ""
	for end := time.Now().Add(patience); ; time.Sleep(250 * time.Millisecond) {
		text := strings.Join(t.screen(s).Lines(), "\n")
		if text == before && re.MatchString(text) {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("the program ended:\n%s", text)
		default:
		}
		if before = text; time.Now().After(end) {
			return errors.New("no " + shown + " on the screen:\n" + text)
		}
	}
}
