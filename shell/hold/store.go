package hold

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
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

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// Bounds of the records.
const (
	maxHolds  = 100
	maxTerms  = 20
	maxTerm   = 1000    // bytes of a term
	maxIDs    = 200_000 // envelopes that one hold has suspended
	maxRecord = 8 << 20 // bytes of a file
)

// dirName is the folder of the records, in that of what outlasts a session.
const dirName = "holds"

// Names of the files: one for each hold, and one that is not complete yet.
const (
	suffix  = ".hold"
	newName = "new"
)

// A Record is a hold: which mail, until when, and what it has suspended.
type Record struct {
	Socket string      `json:"socket"` // of smtpd, after the name of its machine if that is another one
	Terms  []string    `json:"selector"`
	Made   render.Time `json:"made"`
	Until  render.Time `json:"until,omitempty"` // 0: until it is released
	Who    string      `json:"who"`
	// Smtpd is when the smtpd began that has suspended the envelopes: another one has
	// forgotten that, and what is suspended there somebody else has.
	Smtpd render.Time `json:"smtpd,omitempty"`
	IDs   []string    `json:"ids,omitempty"` // that it has suspended, or is about to, ascending

	selector selector.Selector
	ids      []protocol.EnvelopeID
}

// Selector returns the terms on one line.
func (r *Record) Selector() string { return strings.Join(r.Terms, " ") }

// key is the name of the file.
func (r *Record) key() string {
	terms := slices.Sorted(slices.Values(r.Terms))
	sum := sha256.Sum256([]byte(r.Socket + "\x00" + strings.Join(terms, "\x00")))
	return hex.EncodeToString(sum[:8]) + suffix
}

// over reports whether the time of the hold is over.
func (r *Record) over(now time.Time) bool { return r.Until != 0 && now.Unix() >= int64(r.Until) }

// of keeps the envelopes only if this smtpd has suspended them.
func (r *Record) of(start render.Time) {
	if r.Smtpd != start {
		r.Smtpd, r.ids = start, nil
	}
}

// with takes in more envelopes.
func (r *Record) with(ids []protocol.EnvelopeID) {
	all := slices.Concat(r.ids, ids)
	slices.Sort(all)
	r.ids = slices.Compact(all)
}

// A DamagedError is a record that cannot be read.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s: the record of a hold is damaged: %v; what it has suspended stays so: resume envelope, and remove the file", e.Path, e.Err)
}

// Unwrap returns what is wrong with the record.
func (e *DamagedError) Unwrap() error { return e.Err }

// A store is the folder of the records.
type store struct{ dir *os.File }

// openStore opens the folder of the records in that of what outlasts a session. With
// create it makes it, otherwise the error for one that is not there is fs.ErrNotExist.
func openStore(stateDir string, create bool) (*store, error) {
	if stateDir == "" {
		return nil, errors.New("no home folder for the record of a hold: set HOME or XDG_STATE_HOME")
	}
	path := filepath.Join(stateDir, dirName)
	if create {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	parent, err := safefile.OpenDir(stateDir)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	dir, err := safefile.OpenDirAt(parent, dirName)
	if err != nil {
		return nil, err
	}
	return &store{dir}, nil
}

func (s *store) close() { s.dir.Close() }

// lockEvery is how long lock rests between two tries.
const lockEvery = 5 * time.Millisecond

// lock keeps other processes from changing records, and what they have suspended, until
// unlock is called. It waits for limit at most.
func (s *store) lock(ctx context.Context, limit time.Duration) (unlock func(), err error) {
	deadline := time.Now().Add(limit)
	for {
		err := unix.Flock(int(s.dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { unix.Flock(int(s.dir.Fd()), unix.LOCK_UN) }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return func() {}, nil // a file system without locks
		case time.Now().After(deadline):
			return nil, fmt.Errorf("another smtpctl is changing holds and has not finished within %v; wait for it, or give a longer --timeout", limit)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockEvery):
		}
	}
}

// read returns the record in a file.
func (s *store) read(name string) (*Record, error) {
	f, err := safefile.OpenAt(s.dir, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord+1))
	if err != nil {
		return nil, err
	}
	r, err := parse(text)
	if err == nil && r.key() != name {
		err = errors.New("it belongs to another hold")
	}
	if err != nil {
		return nil, &DamagedError{f.Name(), err}
	}
	return r, nil
}

// parse reads the text of a record, and believes nothing of it.
func parse(text []byte) (*Record, error) {
	if len(text) > maxRecord {
		return nil, fmt.Errorf("it is longer than %s", render.Bytes(maxRecord))
	}
	r := &Record{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(r); err != nil {
		return nil, err
	}
	if len(r.Terms) == 0 || len(r.Terms) > maxTerms || len(r.IDs) > maxIDs {
		return nil, errors.New("it has no terms, or too many")
	}
	for _, word := range r.Terms {
		term, err := parseTerm(word)
		if err != nil {
			return nil, err
		}
		r.selector = append(r.selector, term)
	}
	for _, text := range r.IDs {
		id, err := protocol.ParseEnvelopeID(text)
		if err != nil {
			return nil, err
		}
		r.ids = append(r.ids, id)
	}
	slices.Sort(r.ids)
	r.ids = slices.Compact(r.ids)
	return r, nil
}

// write puts a record on the disk, in place of the one that there was: whatever happens,
// the file has the old one or the new one. The caller has the lock.
func (s *store) write(r *Record) error {
	if len(r.ids) > maxIDs {
		return fmt.Errorf("a hold records at most %d envelopes: use narrower terms, or pause mta", maxIDs)
	}
	r.IDs = make([]string, len(r.ids))
	for i, id := range r.ids {
		r.IDs[i] = id.String()
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	unix.Unlinkat(int(s.dir.Fd()), newName, 0) // of a process that was killed
	f, err := safefile.CreateAt(s.dir, newName, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = unix.Renameat(int(s.dir.Fd()), newName, int(s.dir.Fd()), r.key())
	}
	if err != nil {
		unix.Unlinkat(int(s.dir.Fd()), newName, 0)
		return fmt.Errorf("%s: %w", filepath.Join(s.dir.Name(), r.key()), err)
	}
	return s.dir.Sync()
}

// remove forgets a record.
func (s *store) remove(r *Record) error {
	if err := unix.Unlinkat(int(s.dir.Fd()), r.key(), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", filepath.Join(s.dir.Name(), r.key()), err)
	}
	return s.dir.Sync()
}

// all returns the records, the oldest first, and errors for those that cannot be read.
func (s *store) all() ([]*Record, error) {
	dir, err := safefile.OpenDir(s.dir.Name())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(10 * maxHolds)
	if err != nil && err != io.EOF {
		return nil, err
	}
	var all []*Record
	var bad []error
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		switch r, err := s.read(name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			bad = append(bad, err)
		default:
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *Record) int {
		if a.Made != b.Made {
			return int(a.Made - b.Made)
		}
		return strings.Compare(a.Selector(), b.Selector())
	})
	return all, errors.Join(bad...)
}

// recordsOf returns the records for one smtpd in a folder that need not be there.
func recordsOf(stateDir, smtpd string) (s *store, all []*Record, err error) {
	s, err = openStore(stateDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	all, err = s.all()
	all = slices.DeleteFunc(all, func(r *Record) bool { return r.Socket != smtpd })
	return s, all, err
}

// Any reports whether there is a hold of an smtpd, or one that cannot be read.
func Any(stateDir, smtpd string) bool {
	if stateDir == "" {
		return false
	}
	s, all, err := recordsOf(stateDir, smtpd)
	if s != nil {
		s.close()
	}
	return len(all) > 0 || err != nil
}
