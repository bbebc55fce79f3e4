package remote

import (
	"bufio"
	"io"
	"strings"
	"sync"

	"smtpctl/shell/render"
)

// The bounds of what a program says.
const (
	maxWordLines = 20
	maxWordLine  = 300
	shownWords   = 2 // how many lines an error shows
)

// A words keeps the last lines that a program has written to its standard error. It is safe
// for concurrent use.
type words struct {
	mu    sync.Mutex
	lines []string
	say   func(line string) // called with each line, with mu held; may be nil
}

// read adds lines from r until r ends or fails. It cuts a line after 4096 bytes.
func (w *words) read(r io.Reader) {
	br := bufio.NewReaderSize(r, 4096)
	for {
		line, long, err := br.ReadLine()
		if err != nil {
			return
		}
		w.add(string(line))
		for long && err == nil {
			_, long, err = br.ReadLine()
		}
	}
}

// add adds a line, made safe for a terminal and cut to maxWordLine. The line begins drops the
// lines before it, which are not those of the program. That ssh could not open a channel for
// somebody is not added: who wanted it has an error of its own.
func (w *words) add(line string) {
	text := strings.TrimSpace(render.Safe(strings.TrimRight(line, "\r\n")))
	if text == "" || strings.Trim(text, "@ ") == "" { // the frame around a warning of ssh
		return
	}
	if strings.HasPrefix(text, "channel ") && strings.Contains(text, ": open failed: ") {
		return
	}
	text = render.Bound(text, maxWordLine)
	w.mu.Lock()
	defer w.mu.Unlock()
	if text == begins {
		w.lines = nil
		return
	}
	if w.lines = append(w.lines, text); len(w.lines) > maxWordLines {
		w.lines = w.lines[1:]
	}
	if w.say != nil {
		w.say(text)
	}
}

// hush stops the calls of say.
func (w *words) hush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say = nil
}

// last returns the last shownWords lines.
func (w *words) last() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.lines[max(0, len(w.lines)-shownWords):]...)
}
