package copies

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
)

// A Store is a folder of the program's own with copies of mail removed at the prompt:
// one folder for each removal, named after its time. Copies are deleted when they are
// too old or take too much space.
type Store struct {
	dir  string
	age  time.Duration // how long they are kept
	size int64         // bytes that all of them may take on the disk
}

// OpenStore returns the store in a folder, which is created when it is first needed.
func OpenStore(dir string, age time.Duration, size int64) *Store { return &Store{dir, age, size} }

// Size returns how many bytes all copies may take.
func (s *Store) Size() int64 { return s.size }

// Free returns how many bytes are free on the disk of the copies.
func (s *Store) Free() (int64, error) {
	for dir := s.dir; ; dir = filepath.Dir(dir) {
		n, err := freeAt(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return n, err
		}
	}
}

// A kept is the folder of a removal.
type kept struct {
	name  string
	at    time.Time
	bytes int64
}

// nameLayout is the layout of the names of the folders, in UTC.
const nameLayout = "20060102T150405Z"

// sizeName is the file in such a folder that contains the number of bytes that the
// folder takes.
const sizeName = "bytes"

// maxKept is how many folders are read.
const maxKept = 100_000

// Prune deletes copies that are older than their age limit, and then the oldest ones
// until room bytes are free. It returns the times of the removals whose copies were
// deleted for lack of room.
func (s *Store) Prune(now time.Time, room int64) ([]time.Time, error) {
	all, err := s.list()
	if err != nil {
		return nil, err
	}
	var dropped []time.Time
	total := room
	for _, k := range all {
		total += k.bytes
	}
	for _, k := range all {
		old := now.Sub(k.at) > s.age
		if !old && total <= s.size {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.dir, k.name)); err != nil {
			return dropped, err
		}
		if total -= k.bytes; !old {
			dropped = append(dropped, k.at)
		}
	}
	return dropped, nil
}

// list returns the folders, the oldest first.
func (s *Store) list() ([]kept, error) {
	dir, err := safefile.OpenDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxKept)
	if err != nil && len(names) == 0 {
		return nil, nil // it is empty
	}
	var all []kept
	for _, name := range names {
		stamp, _, _ := strings.Cut(name, "-")
		at, err := time.Parse(nameLayout, stamp)
		if err != nil {
			continue
		}
		all = append(all, kept{name, at, sizeOf(filepath.Join(s.dir, name))})
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	return all, nil
}

// sizeOf returns how many bytes a folder takes: the number that it contains or, if its
// writer was stopped, the sum of its files.
func sizeOf(path string) int64 {
	if dir, err := safefile.OpenDir(path); err == nil {
		defer dir.Close()
		if f, err := safefile.OpenAt(dir, sizeName); err == nil {
			defer f.Close()
			text := make([]byte, 32)
			k, _ := f.Read(text)
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text[:k])), 10, 64); err == nil && n >= 0 {
				return n
			}
		}
	}
	total := int64(0)
	filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			if info, err := d.Info(); err == nil {
				total += blocksOf(info)
			}
		}
		return nil
	})
	return total
}

// blocksOf returns how many bytes a file takes on the disk.
func blocksOf(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512
	}
	return info.Size()
}

// block is how many bytes the smallest file takes on most disks.
const block = 4096

// onDisk returns how many bytes an open file will take once it is written to the disk.
func onDisk(f *os.File) int64 {
	info, err := f.Stat()
	if err != nil {
		return block
	}
	return (info.Size() + block - 1) / block * block
}

// Need returns how many bytes the copies of envelopes, given in the order of their ids,
// will take, as far as that is known, and how many of their messages have a file.
func Need(sp *spool.Spool, ids []protocol.EnvelopeID) (bytes int64, found int, err error) {
	total, last := int64(0), protocol.MessageID(0)
	for _, id := range ids {
		total += block
		if id.Msg() == last {
			continue
		}
		last = id.Msg()
		info, err := os.Lstat(sp.MessagePath(last))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return 0, 0, err
		default:
			found++
			total += 2*block + (info.Size()+block-1)/block*block
		}
	}
	return total, found, nil
}

// New creates the folder for one removal and returns its Saver. The files are on the
// disk after Sync.
func (s *Store) New(now time.Time, spoolDir string, o Origin) (*Saver, error) {
	name := now.UTC().Format(nameLayout) + "-" + rand.Text()[:8]
	v, err := OpenSaver(filepath.Join(s.dir, name), spoolDir, o)
	if err != nil {
		return nil, err
	}
	v.later = true
	return v, nil
}

// Seal records how many bytes the copies take, and writes everything to the disk.
func (v *Saver) Seal() error {
	f, err := safefile.CreateAt(v.dir, sizeName, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, v.bytes)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return v.Sync()
}

// Discard deletes the copies, if nothing was removed after all.
func (v *Saver) Discard() { os.RemoveAll(v.path) }
