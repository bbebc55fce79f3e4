package shell

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/state"
)

// Limits of the history.
const (
	maxHistory     = 2000     // lines that are kept
	maxHistoryLine = 16 << 10 // bytes of a line that is kept

	historyLockWait = 2 * time.Second // for another prompt that writes it
)

// A history holds the lines typed at the prompt, the oldest first, each once.
type history struct {
	mu    sync.Mutex
	path  string // "" if it is not kept
	lines []string
	stale int // lines in the file that are not in lines
}

// historyPath returns where the history is kept, or nothing.
func historyPath(env func(string) string) string {
	dir := state.Dir(env)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "history")
}

// openHistory reads the history in a file. There always is one, since a prompt
// without old lines is better than none: an error says why they are not there, and
// that no lines will be kept.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	if path == "" {
		return h, nil
	}
	f, err := safefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		h.path = ""
		return h, err
	}
	defer f.Close()
	h.read(f)
	return h, nil
}

// read takes in the lines of a file, up to one that is too long for a line.
func (h *history) read(f *os.File) {
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxHistoryLine)
	n := 0
	for sc.Scan() {
		h.insert(sc.Text())
		n++
	}
	h.stale = n - len(h.lines)
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
	if strings.TrimSpace(line) == "" || len(line) >= maxHistoryLine || line[0] == ' ' || strings.ContainsAny(line, "\n\r\x00") {
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
	f, locked, err := h.open()
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
	if h.stale < maxHistory || !locked {
		return nil
	}
	return h.compact(f)
}

// open opens the file to append to it, and locks it against other prompts: what
// one appends while another writes the file anew would be lost. locked is false
// where another has the lock for long, or there are none in that file system.
func (h *history) open() (f *os.File, locked bool, err error) {
	for end := time.Now().Add(historyLockWait); ; time.Sleep(time.Millisecond) {
		if f, err = safefile.Append(h.path, 0o600); err != nil {
			return nil, false, err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil && h.current(f):
			return f, true, nil
		case time.Now().After(end):
			return f, false, nil
		case err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return f, false, nil
		}
		f.Close() // another prompt has it, or has put a new one in its place
	}
}

// current reports whether an open file is still the one of the history.
func (h *history) current(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(h.path)
	return err == nil && os.SameFile(mine, now)
}

// compact writes the file anew without what is not kept. Its lines are those of all
// prompts, so they come from the file, which is locked, and not from memory.
func (h *history) compact(old *os.File) error {
	all := &history{}
	if _, err := old.Seek(0, io.SeekStart); err != nil {
		return err
	}
	all.read(old)
	h.stale = 0
	f, err := os.CreateTemp(filepath.Dir(h.path), "history.")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(strings.Join(all.lines, "\n") + "\n")
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), h.path)
}
