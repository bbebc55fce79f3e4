package shell

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxHistory is how many lines are kept.
const maxHistory = 2000

// A history holds the lines typed at the prompt, the oldest first, each once.
type history struct {
	mu    sync.Mutex
	path  string // "" if it is not kept
	lines []string
	stale int // lines in the file that are not in lines
}

// historyPath returns where the history is kept: smtpctl/history in
// $XDG_STATE_HOME, by default ~/.local/state.
func historyPath(env func(string) string) string {
	dir := env("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home := env("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "smtpctl", "history")
}

// openHistory reads the history in a file. What cannot be read is left out: a
// prompt without history is better than none.
func openHistory(path string) *history {
	h := &history{path: path}
	f, err := os.Open(path)
	if err != nil {
		return h
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		h.insert(sc.Text())
		n++
	}
	h.stale = n - len(h.lines)
	return h
}

// insert adds a line, taking out an older copy of it.
func (h *history) insert(line string) {
	if i := slices.Index(h.lines, line); i >= 0 {
		h.lines = slices.Delete(h.lines, i, i+1)
	}
	h.lines = append(h.lines, line)
	if n := len(h.lines) - maxHistory; n > 0 {
		h.lines = slices.Delete(h.lines, 0, n)
	}
}

// add keeps a line, unless it begins with a space.
func (h *history) add(line string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.TrimSpace(line) == "" || line[0] == ' ' || strings.ContainsAny(line, "\n\r\x00") {
		return nil
	}
	line = strings.TrimRight(line, " \t")
	before := len(h.lines)
	h.insert(line)
	h.stale += before + 1 - len(h.lines)
	return h.save(line)
}

// all returns the lines.
func (h *history) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.lines)
}

// save appends a line to the file, and writes the file anew when it has grown
// to twice what is kept. Only the user may read it.
func (h *history) save(line string) error {
	if h.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(h.path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	if h.stale < maxHistory {
		return nil
	}
	h.stale = 0
	return h.compact()
}

// compact writes the file anew with the lines in memory.
func (h *history) compact() error {
	tmp := h.path + ".new"
	text := strings.Join(h.lines, "\n") + "\n"
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, h.path)
}
