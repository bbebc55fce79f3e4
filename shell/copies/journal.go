package copies

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
)

// JournalName is the file in a folder of copies that records what was done with them:
// one line of JSON for each event of an envelope, the newest last.
const JournalName = "journal"

// Limits of a journal that is read.
const (
	maxJournalLine  = 16 << 20 // bytes: there are records with the whole of a command that named thousands of ids
	maxJournalLines = 20_000_000
)

// An Event is something that happened to the copy of an envelope.
type Event string

const (
	Saved    Event = "saved"    // it was made, before the envelope was removed
	Placing  Event = "placing"  // it is about to be put into the queue under the id As
	Queued   Event = "queued"   // it is in the queue on disk under the id As
	Restored Event = "restored" // smtpd was told to take it up, or is not running
	Dropped  Event = "dropped"  // it was not put into the queue after all
)

// An Origin is the command that made copies, the person who gave it, and the machine whose
// mail it is, "" for this one.
type Origin struct{ Who, Command, Host string }

// A Record is a line of a journal.
type Record struct {
	Time     render.Time `json:"time"`
	Event    Event       `json:"event"`
	ID       string      `json:"id"`           // of the envelope that was copied
	As       string      `json:"as,omitempty"` // the id that it has, or is to have, in the queue
	Who      string      `json:"who,omitempty"`
	Command  string      `json:"command,omitempty"`
	Host     string      `json:"host,omitempty"` // another machine, whose mail it is
	Into     string      `json:"into,omitempty"` // another machine, into whose queue it is put
	From     string      `json:"from,omitempty"`
	To       string      `json:"to,omitempty"`
	Created  render.Time `json:"created,omitempty"`
	Tries    int         `json:"tries,omitempty"`
	Error    string      `json:"error,omitempty"`
	Inflight bool        `json:"inflight,omitempty"` // it was being delivered just then
	// The SHA-256 of the two files as they are on the disk, in hex digits.
	Sum        string `json:"sha256,omitempty"`
	MessageSum string `json:"message_sha256,omitempty"`
}

// savedRecord is the record of a copy that was just made.
func savedRecord(o Origin, e *protocol.Envelope, sum, messageSum string) Record {
	return Record{
		Event: Saved, ID: e.ID.String(), Who: o.Who, Command: o.Command, Host: o.Host,
		From: render.FormatAddress(e.Sender), To: render.FormatAddress(e.Rcpt), Created: render.Time(e.Created),
		Tries: e.Retry, Error: e.ErrorLine, Inflight: e.Flags&protocol.FlagInflight != 0,
		Sum: sum, MessageSum: messageSum,
	}
}

// A Journal is a journal that is open for adding records. Several processes may add
// records at the same time.
type Journal struct {
	f   *os.File
	cut bool // the last line may not be whole
}

// OpenJournal opens the journal in a folder, and creates it if there is none.
func OpenJournal(dir *os.File) (*Journal, error) {
	f, err := safefile.AppendAt(dir, JournalName, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{f: f}
	if err := j.endLine(); err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

// endLine ends the last line, if its writer was stopped in the middle of it.
func (j *Journal) endLine() error {
	info, err := j.f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	var last [1]byte
	if _, err := j.f.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = j.f.Write([]byte("\n"))
	return err
}

// Add adds records and sets their time. They are on the disk after Sync or Close.
func (j *Journal) Add(records ...Record) error {
	var lines []byte
	if j.cut {
		lines = append(lines, '\n')
	}
	now := render.Time(time.Now().Unix())
	for _, r := range records {
		r.Time = now
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	_, err := j.f.Write(lines)
	j.cut = err != nil
	Reached("noted")
	return err
}

// Sync writes the added records to the disk.
func (j *Journal) Sync() error {
	err := j.f.Sync()
	Reached("synced")
	return err
}

// Close closes the journal, after its records have been written to the disk.
func (j *Journal) Close() error {
	err := j.f.Sync()
	if errors.Is(err, unix.EINVAL) {
		err = nil
	}
	if cerr := j.f.Close(); err == nil {
		err = cerr
	}
	return err
}

// A Last is the newest event of a copy.
type Last struct {
	Event    Event
	As       protocol.EnvelopeID // of Placing and Restored
	Inflight bool                // it was in flight when it was saved
	Host     string              // another machine, whose mail it is
	Into     string              // another machine, into whose queue it was put
}

// EachRecord calls f with the records of the journal in a folder, the oldest first. A
// line that is cut off or not a record, as after a crash, is skipped.
func EachRecord(dir string, f func(r *Record) error) error {
	d, err := safefile.OpenDir(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return eachRecord(d, f)
}

// eachRecord is EachRecord for an open folder.
func eachRecord(dir *os.File, f func(r *Record) error) error {
	file, err := safefile.OpenAt(dir, JournalName)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 0, 4096), maxJournalLine)
	for n := 0; lines.Scan(); n++ {
		if n == maxJournalLines {
			return fmt.Errorf("%s: it has more than %d lines", file.Name(), maxJournalLines)
		}
		var r Record
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return nil
}

// ReadJournal returns the newest event of each copy in a folder. A folder without a
// journal has no events.
func ReadJournal(dir *os.File) (map[protocol.EnvelopeID]Last, error) {
	last := map[protocol.EnvelopeID]Last{}
	err := eachRecord(dir, func(r *Record) error {
		id, err := protocol.ParseEnvelopeID(r.ID)
		if err != nil {
			return nil
		}
		l := Last{Event: r.Event, Inflight: r.Inflight, Host: r.Host, Into: r.Into}
		if r.Event != Saved {
			if l.As, err = protocol.ParseEnvelopeID(r.As); err != nil {
				return nil
			}
			l.Inflight, l.Host = last[id].Inflight, last[id].Host
		}
		last[id] = l
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return last, err
}
