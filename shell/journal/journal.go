// Package journal records what this program changes, in a file of the state folder, and
// lists it.
package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
)

// name is the file, and oldName the file before it. A file of maxFile bytes is renamed
// to oldName.
const (
	name    = "journal"
	oldName = "journal.1"
	maxFile = 16 << 20
)

// Bounds of a line, in bytes. A text that is longer is shortened: without the line in which a
// command begins, the command would not be listed.
const (
	maxLine = 64 << 10
	maxText = 1500 // of who gave a command, its words, or another text but a path
)

// A line is one line of the file: a command begins, acts on envelopes, or ends.
type line struct {
	Key  string      `json:"key"` // of the command
	Time render.Time `json:"time"`
	// For a command that begins.
	Who     string `json:"who,omitempty"`
	Command string `json:"command,omitempty"`
	Socket  string `json:"socket,omitempty"` // where it is not the usual one
	PID     int    `json:"pid,omitempty"`
	// For envelopes and messages that are about to be acted on.
	IDs []string `json:"ids,omitempty"`
	// For a command that has ended.
	Outcome string `json:"outcome,omitempty"`
	Failed  bool   `json:"failed,omitempty"`
	Copies  string `json:"copies,omitempty"` // the folder with copies of what it removed
}

// A Writer records what one command does. Lines that cannot be written are left out, and End
// says why: syslog has them too, and a full disk must not keep anybody from working.
type Writer struct {
	f   *os.File // nil if the file could not be opened
	key string
	err error // the first one
}

// Begin records that a command begins. It returns nil without a folder.
func Begin(dir, who, command, socket string) *Writer {
	if dir == "" {
		return nil
	}
	w := &Writer{key: fmt.Sprintf("%d-%d", time.Now().UnixNano(), os.Getpid())}
	if w.err = os.MkdirAll(dir, 0o700); w.err == nil {
		w.f, w.err = open(dir)
	}
	w.write(line{Who: who, Command: command, Socket: socket, PID: os.Getpid()})
	return w
}

// open opens the file for appending. It renames the file first if it is too long.
func open(dir string) (*os.File, error) {
	path := filepath.Join(dir, name)
	f, err := safefile.Append(path, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || info.Size() < maxFile {
		return f, err
	}
	// The process that has the lock renames the file, if it still has that name.
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return f, nil
	}
	defer f.Close()
	if now, err := os.Lstat(path); err == nil && os.SameFile(now, info) {
		if err := os.Rename(path, filepath.Join(dir, oldName)); err != nil {
			return nil, err
		}
	}
	return safefile.Append(path, 0o600)
}

// write writes a line with a single call, so that lines of several processes do not
// mix.
func (w *Writer) write(l line) {
	if w.f == nil {
		return
	}
	l.Key, l.Time = w.key, render.Time(time.Now().Unix())
	for _, text := range []*string{&l.Who, &l.Command, &l.Socket, &l.Outcome} {
		*text = render.Bound(*text, maxText)
	}
	text, err := json.Marshal(l)
	if err == nil && len(text) >= maxLine {
		err = fmt.Errorf("%s: a line has more than %d bytes", w.f.Name(), maxLine)
	}
	if err == nil {
		_, err = w.f.Write(append(text, '\n'))
	}
	if w.err == nil {
		w.err = err
	}
}

// idsInLine is how many ids stand in a line.
const idsInLine = 512

// IDs records the ids that are about to be acted on. A nil Writer does nothing.
func (w *Writer) IDs(ids []string) {
	for w != nil && len(ids) > 0 {
		n := min(idsInLine, len(ids))
		w.write(line{IDs: ids[:n]})
		ids = ids[n:]
	}
}

// End records the outcome of the command, and the folder with copies of the mail that
// it removed. The error says why a line could not be written.
func (w *Writer) End(outcome, copies string, failed bool) error {
	if w == nil {
		return nil
	}
	if w.write(line{Outcome: outcome, Copies: copies, Failed: failed}); w.f != nil {
		w.f.Close()
	}
	return w.err
}

// An Entry is a command of the journal.
type Entry struct {
	Time    render.Time  `json:"time"`
	Ended   *render.Time `json:"ended,omitempty"`
	Who     string       `json:"who"`
	Command string       `json:"command"`
	Socket  string       `json:"socket,omitempty"`
	Outcome string       `json:"outcome,omitempty"` // nothing: it has not ended, or was killed
	Failed  bool         `json:"failed,omitempty"`
	Copies  string       `json:"copies,omitempty"`
	IDs     []string     `json:"ids,omitempty"`
	PID     int          `json:"pid,omitempty"`
}

// Limits of a journal that is read.
const (
	maxEntries = 200_000
	maxIDs     = 4_000_000 // of all entries; those of later ones are left out
)

// Read returns the entries of the journal in a folder, the oldest first. Incomplete
// lines are skipped. A folder without a journal has no entries.
func Read(dir string) ([]*Entry, error) {
	r := reader{open: map[string]*Entry{}}
	for _, file := range []string{oldName, name} {
		f, err := safefile.Open(filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		err = r.read(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return r.all, nil
}

// A reader combines the lines of each command.
type reader struct {
	all  []*Entry
	open map[string]*Entry // by key
	ids  int
}

// read reads a file.
func (r *reader) read(f io.Reader) error {
	lines := bufio.NewReaderSize(f, maxLine+1)
	for {
		text, err := lines.ReadSlice('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		var l line
		if err != nil || json.Unmarshal(text, &l) != nil || l.Key == "" {
			continue // whoever wrote it was stopped, or somebody else did
		}
		if err := r.take(&l); err != nil {
			return err
		}
	}
}

// take takes in a line.
func (r *reader) take(l *line) error {
	e := r.open[l.Key]
	switch {
	case e == nil && l.Command == "":
		return nil // its beginning is in a file that is gone
	case e == nil:
		if len(r.all) == maxEntries {
			return fmt.Errorf("the journal has more than %d commands", maxEntries)
		}
		e = &Entry{Time: l.Time, Who: l.Who, Command: l.Command, Socket: l.Socket, PID: l.PID}
		r.open[l.Key] = e
		r.all = append(r.all, e)
	case l.Outcome != "":
		e.Ended, e.Outcome, e.Failed, e.Copies = &l.Time, l.Outcome, l.Failed, l.Copies
		delete(r.open, l.Key)
	case r.ids+len(l.IDs) <= maxIDs:
		e.IDs = append(e.IDs, l.IDs...)
		r.ids += len(l.IDs)
	}
	return nil
}
