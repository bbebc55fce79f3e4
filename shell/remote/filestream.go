package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"smtpctl/protocol/safefile"
)

// Open implements safefile.Files.
func (f *Files) Open(root, path string, from int64) (io.ReadCloser, safefile.Info, error) {
	words, rels, err := beneath(root, []string{path})
	if err != nil {
		return nil, safefile.Info{}, f.h.fail(err)
	}
	r, info, err := f.stream(path, "o "+strconv.FormatInt(from, 10)+" "+words+" "+rels[0])
	if err != nil {
		return nil, info, err
	}
	r.want = max(0, info.Size-from)
	r.exact = true
	return r, info, nil
}

// Log opens a log, of which the last bytes are wanted, or all if last is 0. It comes
// compressed with gzip if that saves anything. Its size is that on the other machine.
func (f *Files) Log(path string, last int64) (io.ReadCloser, safefile.Info, error) {
	if err := checkPath(path); err != nil {
		return nil, safefile.Info{}, f.h.fail(err)
	}
	long := *f
	long.wait = max(f.wait, logWait)
	r, info, err := long.stream(path, "z "+strconv.FormatInt(last, 10)+" "+path)
	if err != nil {
		return nil, info, err
	}
	r.want = info.Size + maxLogSlop
	return r, info, nil
}

// Journal is what the journal of systemd has from smtpd: all of it, or the last lines if
// last is above 0. The error wraps fs.ErrNotExist if there is none.
func (f *Files) Journal(last int) (io.ReadCloser, error) {
	long := *f
	long.wait = max(f.wait, logWait)
	r, err := long.begin("journalctl", "j "+strconv.Itoa(last))
	if err != nil {
		return nil, err
	}
	r.want = maxJournal
	return r, nil
}

// maxJournal is how many bytes of a journal are read.
const maxJournal = 64 << 30

// A stream is a file that is being read.
type stream struct {
	f     *Files
	s     *fileShell
	stop  func()
	path  string
	want  int64 // bytes that it has
	exact bool  // and no more and no less

	n    int64
	left []byte // that came and was not taken
	err  error  // at its end
}

// stream sends a request for one file, and takes in what is known of it. A file that cannot
// be opened is an error at once.
func (f *Files) stream(path, request string) (*stream, safefile.Info, error) {
	var info safefile.Info
	r, err := f.start(path, request)
	if err != nil {
		return nil, info, err
	}
	infos, err := f.infos(r.s)
	if err != nil {
		r.fail(err)
		return nil, info, r.err
	}
	r.more()
	if r.err != nil && r.err != io.EOF {
		return nil, infos[path], r.err
	}
	return r, infos[path], nil
}

// begin is stream for what no file is.
func (f *Files) begin(path, request string) (*stream, error) {
	r, err := f.start(path, request)
	if err != nil {
		return nil, err
	}
	r.more()
	if r.err != nil && r.err != io.EOF {
		return nil, r.err
	}
	return r, nil
}

// start sends a request.
func (f *Files) start(path, request string) (*stream, error) {
	s, err := f.take()
	if err != nil {
		return nil, err
	}
	s.wait = f.wait
	r := &stream{f: f, s: s, path: path, stop: s.ending(f.ctx), want: 1 << 62}
	if err := s.send(request + "\n"); err != nil {
		r.fail(err)
		return nil, r.err
	}
	return r, nil
}

// fail ends a stream whose shell is of no use any more.
func (r *stream) fail(err error) {
	r.stop()
	r.err = r.f.h.fail(r.s.why(r.f.ctx, err))
	r.s.Close()
}

// more waits for more bytes, or for the end.
func (r *stream) more() {
	body, letter, err := r.s.some(r.f.ctx)
	switch {
	case err != nil:
		r.fail(err)
	case letter != 0:
		r.stop()
		r.f.done(r.s)
		if r.err = r.f.letterError(letter, r.path, false); r.err == nil {
			r.err = io.EOF
		}
	default:
		r.left = body
	}
}

// Read implements io.Reader.
func (r *stream) Read(p []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil {
		r.more()
	}
	switch {
	case len(r.left) == 0 && r.err == io.EOF && r.exact && r.n < r.want:
		return 0, &fs.PathError{Op: "read", Path: r.path, Err: errChanged}
	case len(r.left) == 0:
		return 0, r.err
	case r.n >= r.want && r.exact:
		return 0, &fs.PathError{Op: "read", Path: r.path, Err: errChanged}
	case r.n >= r.want:
		return 0, fmt.Errorf("%s: %w", r.path, ErrTooMuch)
	}
	n := copy(p[:min(int64(len(p)), r.want-r.n)], r.left)
	r.left = r.left[n:]
	r.n += int64(n)
	return n, nil
}

// Close implements io.Closer. What has not been read to its end costs the shell.
func (r *stream) Close() error {
	if r.err == nil {
		r.err = errors.New("it is closed")
		r.stop()
		r.s.dead = true
		r.f.done(r.s)
	}
	return nil
}
