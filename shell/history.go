package shell

import (
	"bytes"
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
	"smtpctl/shell/render"
	"smtpctl/shell/state"
)

// Limits of the history.
const (
	maxHistory     = 2000     // lines that are kept
	maxHistoryLine = 16 << 10 // bytes of a line that is kept

	maxHistoryRead = 4 << 20 // bytes of the file that are read at once

	historyLockWait = 2 * time.Second // for another prompt to release the lock of the file
)

// A history holds the lines typed at the prompt, the oldest first, each line once. Prompts
// of the same user share the file; all and add read the lines that other prompts have added.
// Its methods all and add may be called from several goroutines at once.
type history struct {
	mu    sync.Mutex
	path  string // of the file, "" if the lines are only in memory
	lines []string
	alone []string // lines that could not be written to the file

	file   os.FileInfo // the file that was read last
	read   int64       // how many bytes of file are read or passed over
	inFile int         // how many lines of file were read
	copied []string    // the copy of lines that all returned, nil if lines has changed
}

// historyPath returns the path of the history file, or "" if the environment names no folder
// for it.
func historyPath(env func(string) string) string {
	dir := state.Dir(env)
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "history")
}

// openHistory reads the history in a file. It always returns a history, because a
// prompt without old lines is better than no prompt. The error says why old lines are
// missing and that no lines will be kept.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	if path == "" {
		return h, nil
	}
	if err := h.catchUp(); err != nil {
		h.path = ""
		return h, err
	}
	return h, nil
}

// catchUp reads the lines that were added to the file since the last call, or the whole
// file if it has been replaced. A missing file is not an error.
func (h *history) catchUp() error {
	now, err := os.Lstat(h.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && h.file != nil && os.SameFile(now, h.file) && now.Size() == h.read:
		return nil
	}
	f, err := safefile.Open(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return h.take(f)
}

// take is catchUp for an open file. It reads at most the last maxHistoryRead bytes, and
// leaves an incomplete last line for the next call.
func (h *history) take(f *os.File) error {
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if h.file == nil || !os.SameFile(now, h.file) || now.Size() < h.read {
		h.lines, h.read, h.inFile = nil, 0, 0
		for _, line := range h.alone {
			h.insert(line)
		}
	}
	h.file = now
	whole := true
	if old := now.Size() - maxHistoryRead; old > h.read {
		h.read, whole = old, false
	}
	b, err := io.ReadAll(io.NewSectionReader(f, h.read, now.Size()-h.read))
	if err != nil {
		return err
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	h.read += int64(len(b))
	for line := range strings.Lines(string(b)) {
		if h.inFile++; !whole {
			whole = true // this line began before the part that is read
			continue
		}
		h.insert(strings.TrimSuffix(line, "\n"))
	}
	return nil
}

// insert adds a line and removes an older copy of it. A line that a terminal could not
// show unchanged was not typed here, and is left out.
func (h *history) insert(line string) {
	if len(line) >= maxHistoryLine || line != render.Safe(line) {
		return
	}
	h.copied = nil
	if n := len(h.lines); n > 0 && h.lines[n-1] == line {
		return
	}
	if i := slices.Index(h.lines, line); i >= 0 {
		h.lines = slices.Delete(h.lines, i, i+1)
	}
	h.lines = append(h.lines, line)
	if n := len(h.lines) - maxHistory; n > 0 {
		h.lines = slices.Delete(h.lines, 0, n)
	}
}

// add adds a line to the history and its file. A line is not kept if it is empty, begins with
// a space, is too long or holds what a terminal could not show unchanged. If the file cannot
// be written, add returns the error and keeps the line in memory only.
func (h *history) add(line string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if strings.TrimSpace(line) == "" || len(line) >= maxHistoryLine || line[0] == ' ' || line != render.Safe(line) {
		return nil
	}
	line = strings.TrimRight(line, " \t")
	h.insert(line)
	err := h.save(line)
	if err != nil {
		h.alone = append(h.alone, line)
		if n := len(h.alone) - maxHistory; n > 0 {
			h.alone = slices.Delete(h.alone, 0, n)
		}
	}
	return err
}

// all returns the lines, including those of other prompts. The result must not be
// modified.
func (h *history) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.path != "" {
		_ = h.catchUp() // the lines known already are better than none
	}
	if h.copied == nil {
		h.copied = slices.Clone(h.lines)
	}
	return h.copied
}

// save appends a line to the file, and makes the file readable by its owner only. It
// rewrites the file when old lines have made it too long.
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
	if err := h.take(f); err != nil {
		return err
	}
	if h.inFile < len(h.lines)+maxHistory || !locked {
		return nil
	}
	return h.compact(f)
}

// open opens the file for appending and locks it against other prompts, because a line
// appended during a rewrite would be lost. locked is false if another prompt keeps the
// lock for long, or if the file system has no locks.
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
		f.Close() // another prompt holds the lock, or has replaced the file
	}
}

// current reports whether an open file is still the file at the path of the history.
func (h *history) current(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(h.path)
	return err == nil && os.SameFile(mine, now)
}

// compact rewrites the file without old lines. The lines come from the locked file and
// not from memory, because other prompts add lines too.
func (h *history) compact(old *os.File) error {
	all := &history{}
	if err := all.take(old); err != nil {
		return err
	}
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
	h.inFile = len(all.lines) // catchUp reads the new file later
	return os.Rename(f.Name(), h.path)
}
