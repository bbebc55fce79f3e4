package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// OpenFar is OpenWithKey for the spool folder of another machine. key may be nil.
func OpenFar(files safefile.Files, dir string, key func() ([]byte, error)) *Spool {
	s := OpenWithKey(dir, key)
	s.far = &far{files: files}
	return s
}

// Limits of what is asked of another machine at once.
const (
	atOnce     = 4096    // folders
	aheadBytes = 8 << 20 // of all files that are held
	// AheadMost is how many messages or envelopes are best had ahead at once.
	AheadMost = 256
)

// far are the files of another machine, and what is held of them.
type far struct {
	files safefile.Files

	mu   sync.Mutex
	held map[string]holding
}

// A holding is what is held of a file.
type holding struct {
	data     []byte // its beginning
	read     bool   // data is known, or why it is not
	info     safefile.Info
	stat     bool // info is of the file itself, or why it is not
	followed bool // the same, of where a symbolic link leads
	err      error
}

// hold returns what is held of a path.
func (f *far) hold(path string) (holding, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.held[path]
	return h, ok
}

// keep replaces what is held.
func (f *far) keep(held map[string]holding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = held
}

// Far reports whether the spool is that of another machine, where each look takes a while.
func (s *Spool) Far() bool { return s.far != nil }

// Stat tells what a path of the spool is, and of a symbolic link where it leads if follow is
// true.
func (s *Spool) Stat(follow bool, path string) (info safefile.Info, err error) {
	if s.far == nil {
		return safefile.Stat(follow, path)
	}
	if h, ok := s.far.hold(path); ok && (h.stat && !follow || h.followed && follow) {
		return h.info, h.err
	}
	ferr := s.far.files.Stat(follow, []string{path}, func(_ int, i safefile.Info, e error) error {
		info, err = i, e
		return nil
	})
	if ferr != nil {
		err = ferr
	}
	return info, err
}

// Readable returns why the folder with the messages cannot be read, or nil.
func (s *Spool) Readable() (err error) {
	if s.far == nil {
		f, err := safefile.OpenDir(s.queue)
		if err != nil {
			return err
		}
		return f.Close()
	}
	_, _, err = s.readDirFar(s.queue, nil)
	return err
}

// Look looks whether there is anything at each of several paths, and returns for each the
// error of lstat(2). err says that nothing could be found out.
func (s *Spool) Look(paths []string) (each []error, err error) {
	each = make([]error, len(paths))
	if s.far == nil {
		for i, path := range paths {
			_, each[i] = os.Lstat(path)
		}
		return each, nil
	}
	if len(paths) == 0 {
		return each, nil
	}
	err = s.far.files.Stat(false, paths, func(i int, _ safefile.Info, err error) error {
		each[i] = err
		return nil
	})
	return each, err
}

// AheadMessages gets the beginnings of messages that will be read next, up to most bytes of
// each, from another machine at once. On this machine it does nothing, and so it does for
// what it cannot get.
func (s *Spool) AheadMessages(ids []protocol.MessageID, most int) {
	var paths []string
	for _, id := range ids {
		paths = append(paths, s.MessagePath(id))
	}
	s.ahead(paths, min(most, aheadBytes/max(len(paths), 1)), nil)
}

// AheadEnvelopes is AheadMessages for envelopes that will be checked or read.
func (s *Spool) AheadEnvelopes(ids []protocol.EnvelopeID) {
	var paths, dirs []string
	for _, id := range ids {
		path := s.EnvelopePath(id)
		paths = append(paths, path)
		dir := filepath.Dir(path)
		dirs = append(dirs, dir, filepath.Dir(dir))
	}
	dirs = append(dirs, s.Queue())
	slices.Sort(dirs)
	s.ahead(paths, MaxEnvelope+1, slices.Compact(dirs))
}

// AheadFiles gets the files of envelopes, and those of their messages, from another machine
// at once, as far as they are small. What follows is best no more than AheadMost envelopes.
func (s *Spool) AheadFiles(ids []protocol.EnvelopeID) {
	var paths []string
	for i, id := range ids {
		if i == 0 || ids[i-1].Msg() != id.Msg() {
			paths = append(paths, s.MessagePath(id.Msg()))
		}
		paths = append(paths, s.EnvelopePath(id))
	}
	s.ahead(paths, aheadBytes/max(len(paths), 1), nil)
}

// ahead reads files and looks at folders.
func (s *Spool) ahead(paths []string, most int, dirs []string) {
	if s.far == nil || len(paths) == 0 {
		return
	}
	held := map[string]holding{}
	size := 0
	err := s.far.files.Read(s.queue, paths, most, func(i int, data []byte, info safefile.Info, err error) error {
		if size += len(data); size <= aheadBytes {
			held[paths[i]] = holding{data: bytes.Clone(data), read: true, info: info, stat: err == nil, err: err}
		}
		return nil
	})
	if err == nil && len(dirs) > 0 {
		s.far.files.Stat(true, dirs, func(i int, info safefile.Info, err error) error {
			held[dirs[i]] = holding{info: info, followed: true, err: err}
			return nil
		})
	}
	s.far.keep(held)
}

// readFar is readFile on another machine.
func (s *Spool) readFar(path string, limit int) (data []byte, err error) {
	h, ok := s.far.hold(path)
	switch {
	case ok && h.read && h.err != nil:
		return nil, h.err
	case ok && h.read && (len(h.data) > limit || int64(len(h.data)) == h.info.Size):
		data = bytes.Clone(h.data) // the caller decrypts it in place
	default:
		ferr := s.far.files.Read(s.queue, []string{path}, limit+1, func(_ int, d []byte, _ safefile.Info, e error) error {
			data, err = bytes.Clone(d), e
			return nil
		})
		if ferr != nil {
			err = ferr
		}
	}
	if err == nil && len(data) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: tooLarge(limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// A File is an open regular file of a queue or of copies.
type File interface {
	io.ReadCloser
	Name() string         // its path
	Size() (int64, error) // in bytes
}

// A LocalFile is a file of this machine.
type LocalFile struct{ *os.File }

// Size implements File.
func (f LocalFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// A farFile is a file of another machine, whose beginning may be held.
type farFile struct {
	s    *Spool
	path string
	info safefile.Info
	head []byte // what is left of the beginning
	at   int64  // where the rest begins
	rest io.ReadCloser
}

// Name implements File.
func (f *farFile) Name() string { return f.path }

// Size implements File.
func (f *farFile) Size() (int64, error) { return f.info.Size, nil }

// Read implements io.Reader.
func (f *farFile) Read(p []byte) (int, error) {
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	if f.rest == nil {
		if f.at >= f.info.Size {
			return 0, io.EOF
		}
		rest, info, err := f.s.far.files.Open(f.s.queue, f.path, f.at)
		if err != nil {
			return 0, err
		}
		f.rest = rest
		if info.Size != f.info.Size || info.Modified != f.info.Modified {
			return 0, fmt.Errorf("%s: the file changed while it was read", f.path)
		}
	}
	return f.rest.Read(p)
}

// Close implements io.Closer.
func (f *farFile) Close() error {
	if f.rest == nil {
		return nil
	}
	return f.rest.Close()
}

// openFar opens a file of another machine.
func (s *Spool) openFar(path string) (File, error) {
	if h, ok := s.far.hold(path); ok && h.read {
		if h.err != nil {
			return nil, h.err
		}
		return &farFile{s: s, path: path, info: h.info, head: h.data, at: int64(len(h.data))}, nil
	}
	rest, info, err := s.far.files.Open(s.queue, path, 0)
	if err != nil {
		return nil, err
	}
	return &farFile{s: s, path: path, info: info, rest: rest}, nil
}

// openAny opens a regular file of the queue.
func (s *Spool) openAny(path string) (File, error) {
	if s.far != nil {
		return s.openFar(path)
	}
	f, err := s.open(path)
	if err != nil {
		return nil, err
	}
	return LocalFile{f}, nil
}

// eachDir calls f with the names in each of several folders, until f returns false. names
// are valid until the next call.
func (s *Spool) eachDir(paths []string, f func(i int, names []string, err error) bool) {
	if s.far == nil {
		s, release := s.held()
		defer release()
		var names []string
		for i, path := range paths {
			var err error
			if names, _, err = s.readDir(path, names[:0], -1); !f(i, names, err) {
				return
			}
		}
		return
	}
	for at := 0; at < len(paths); at += atOnce {
		some := paths[at:min(at+atOnce, len(paths))]
		given := 0
		err := s.far.files.Names(s.queue, some, func(i int, names []string, whole bool, err error) error {
			if given = i + 1; err == nil && !whole {
				err = fmt.Errorf("%s: %w", some[i], errManyNames)
			}
			if !f(at+i, names, err) {
				return errStop
			}
			return nil
		})
		if errors.Is(err, errStop) || err != nil && !f(at+min(given, len(some)-1), nil, err) || err != nil {
			return
		}
	}
}

// readDirFar is readDir on another machine.
func (s *Spool) readDirFar(path string, names []string) (_ []string, whole bool, err error) {
	ferr := s.far.files.Names(s.queue, []string{path}, func(_ int, got []string, all bool, e error) error {
		names, whole, err = append(names, got...), all, e
		return nil
	})
	if ferr != nil {
		err = ferr
	}
	return names, whole, err
}

// errStop ends a walk.
var errStop = errors.New("no more is wanted")

// errManyNames means that a folder has more names than a queue has.
var errManyNames = errors.New("it has more names than can be read from another machine")
