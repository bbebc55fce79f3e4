package handover

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
	"smtpctl/shell/state"
)

// notesDir returns the folder of the notes, which is on this machine, for the smtpd of this or
// another one. Each run has a file there while it lasts. A file that no process has locked
// belongs to a run that was interrupted.
func notesDir(c *command.Call) string {
	name := "handover"
	if c.Elsewhere() {
		name += "@" + c.Opts.Host
	}
	return filepath.Join(c.StateDir, name)
}

// nodeOf returns the name that smtpd's machine has for itself if it is not this one.
func nodeOf(c *command.Call) string {
	if !c.Elsewhere() {
		return ""
	}
	return c.Far(c.Opts.Host).Node()
}

// Limits of notes that are read.
const (
	maxNote  = 16 << 20 // bytes of a line, which has the ids of all envelopes of a message
	maxNotes = 1_000_000
	maxRuns  = 1000 // files
)

// An event is a step in the replacement of a unit.
type event string

const (
	begun   event = "begun"   // they are about to be suspended
	sending event = "sending" // smtpd has all of the mail but its end
	taken   event = "taken"   // smtpd has taken the mail: the envelopes are to be removed
	done    event = "done"    // they are removed
	left    event = "left"    // they are in the queue as they were before
)

// A note is a line of a file of notes.
type note struct {
	Time    render.Time `json:"time"`
	Token   string      `json:"token"` // of the unit, by which the client of its SMTP session is called
	Event   event       `json:"event"`
	IDs     []string    `json:"ids,omitempty"`     // of its envelopes
	Unknown bool        `json:"unknown,omitempty"` // smtpd does not know them: they are only on disk
	Message string      `json:"message,omitempty"` // the id of the mail, if it is known
	// Client is what the client of the SMTP session is called if that is not the token: a session
	// with another machine has several mails, which their ids tell apart.
	Client  string `json:"client,omitempty"`
	Socket  string `json:"socket,omitempty"`
	Host    string `json:"host,omitempty"` // of smtpd, as --host names it; none for this machine
	Node    string `json:"node,omitempty"` // the name that it has for itself
	Who     string `json:"who,omitempty"`
	Command string `json:"command,omitempty"`
}

// notes are the notes of a run.
type notes struct {
	f    *os.File
	open int // units that are begun and neither done nor left
}

// newNotes creates the file of notes for a run.
func newNotes(c *command.Call) (*notes, error) {
	if c.StateDir == "" {
		return nil, errors.New("no home folder for the notes without which an interruption could lose or duplicate mail: set HOME or XDG_STATE_HOME")
	}
	dir, err := state.Make(notesDir(c))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := safefile.CreateAt(dir, time.Now().UTC().Format("20060102T150405Z")+"-"+rand.Text()[:8], 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil && !errors.Is(err, unix.ENOTSUP) {
		f.Close()
		return nil, err
	}
	if err := disk.SyncDir(dir); err != nil {
		f.Close()
		return nil, err
	}
	return &notes{f: f}, nil
}

// add adds a note. When add returns, the note is on the disk.
func (n *notes) add(l note) error {
	l.Time = render.Time(time.Now().Unix())
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := n.f.Write(append(line, '\n')); err != nil {
		return err
	}
	if err := n.f.Sync(); err != nil {
		return err
	}
	switch l.Event {
	case begun:
		n.open++
	case done, left:
		n.open--
	}
	copies.Reached("noted " + string(l.Event))
	return nil
}

// close ends the notes. The file is deleted unless a unit still has to be completed.
func (n *notes) close() {
	if n.open == 0 {
		os.Remove(n.f.Name())
	}
	n.f.Close()
}

// A pending is a unit of an interrupted run.
type pending struct {
	note             // the first
	last    event    // of its newest note
	went    []string // the ids of its envelopes that the mail replaces
	message string   // the mail, if its id is known
	client  string   // of its SMTP session, "" for its token
	file    string   // that has its notes
}

// readNotes returns the units in a file of notes that are neither done nor left. A line
// that is cut off, as after a crash, is skipped.
func readNotes(f *os.File) ([]*pending, error) {
	units := map[string]*pending{}
	var order []string
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 4096), maxNote)
	for k := 0; lines.Scan(); k++ {
		var l note
		if k == maxNotes {
			return nil, fmt.Errorf("%s: it has more than %d lines", f.Name(), maxNotes)
		}
		if json.Unmarshal(lines.Bytes(), &l) != nil {
			continue
		}
		if l.Event == begun {
			units[l.Token] = &pending{note: l, last: begun, file: f.Name()}
			order = append(order, l.Token)
			continue
		}
		u := units[l.Token]
		switch {
		case u == nil:
		case l.Event == done, l.Event == left:
			delete(units, l.Token)
		default:
			u.last, u.went = l.Event, l.IDs
			u.message = cmp.Or(l.Message, u.message)
			u.client = cmp.Or(l.Client, u.client)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	var open []*pending
	for _, token := range order {
		if u := units[token]; u != nil {
			open = append(open, u)
		}
	}
	return open, nil
}

// stoppedRuns opens the files of notes that no process has locked, the oldest first.
func stoppedRuns(path string) ([]*notes, error) {
	dir, err := safefile.OpenDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxRuns)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.Sort(names)
	var runs []*notes
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue
		}
		f, err := safefile.AppendAt(dir, name, 0o600)
		if err != nil {
			return runs, err
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			f.Close()
			continue
		}
		runs = append(runs, &notes{f: f})
	}
	return runs, nil
}
