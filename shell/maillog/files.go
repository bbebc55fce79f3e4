package maillog

import (
	"bufio"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// Dir is where systems keep their logs.
const Dir = "/var/log"

// names are the mail logs of the systems on which smtpd runs. The first one that exists
// is used.
var names = []string{"maillog", "mail.log", "mail/mail.log", "syslog", "messages"}

// ErrNone means that no log is in the usual place.
var ErrNone = errors.New("no log of mail in " + Dir)

// Files returns the log of mail in a folder with its rotated files, the oldest first.
func Files(dir string) ([]string, error) {
	first := ""
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		switch {
		case err != nil || !info.Mode().IsRegular():
		case info.Size() > 0:
			return rotated(path)
		case first == "":
			first = path // empty: what is not used any more, or was rotated just now
		}
	}
	if first == "" {
		return nil, ErrNone
	}
	return rotated(first)
}

// old matches the end of the name of a rotated log.
var old = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\.(\d{1,4})|-(\d{8}))(?:\.(?:gz|bz2|xz|zst))?$`)
})

// rotated returns the files of a log, the oldest first.
func rotated(path string) ([]string, error) {
	all, err := filepath.Glob(path + "*")
	if err != nil {
		return nil, err
	}
	return byAge(path, all), nil
}

// byAge returns a log with those of some paths that are its rotated files, the oldest first.
func byAge(path string, all []string) []string {
	type numbered struct {
		path string
		age  int
	}
	files := []numbered{{path, -1}}
	for _, f := range all {
		m := old().FindStringSubmatch(f[len(path):])
		switch {
		case m == nil:
		case m[1] != "":
			n, _ := strconv.Atoi(m[1])
			files = append(files, numbered{f, n})
		default: // by date: the later the newer
			n, _ := strconv.Atoi(m[2])
			files = append(files, numbered{f, 1_0000_0000 - n})
		}
	}
	slices.SortStableFunc(files, func(a, b numbered) int { return cmp.Compare(b.age, a.age) })
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = f.path
	}
	return out
}

// Plain returns how many bytes the files of a log have, or 0 if one of them is
// compressed, so that its size is not known.
func Plain(paths []string) int {
	sum := int64(0)
	for _, path := range paths {
		info, err := os.Stat(path)
		switch ext := filepath.Ext(path); {
		case ext == ".gz" || ext == ".bz2" || err != nil || !info.Mode().IsRegular():
			return 0
		}
		sum += info.Size()
	}
	return int(sum)
}

// ReadFiles reads the files of a log in order, and returns why some could not be read
// to their end. A rotated file that is damaged or has vanished does not stop the
// others; only the end of ctx does.
func (r *Reader) ReadFiles(ctx context.Context, paths []string, progress func(n int)) []error {
	var failed []error
	for _, path := range paths {
		if err := r.ReadFile(ctx, path, progress); err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// ReadFile reads a log file, which may be compressed with gzip or bzip2. progress, if
// not nil, is called with the number of bytes read.
func (r *Reader) ReadFile(ctx context.Context, path string, progress func(n int)) error {
	f, err := safefile.OpenLinked(path)
	if err != nil {
		return err
	}
	defer f.Close()
	end := time.Now()
	if info, err := f.Stat(); err == nil {
		end = info.ModTime()
	}
	if err := r.Read(ctx, f, end, progress); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// tail is how many bytes at the end of a log LastTry reads.
const tail = 16 << 20

// LastTry returns what the end of a log says about the last attempt of an envelope, or
// the zero value if there is no log or it says nothing.
func LastTry(ctx context.Context, dir string, id protocol.EnvelopeID) *Event {
	files, err := Files(dir)
	if err != nil {
		return nil
	}
	f, err := safefile.OpenLinked(files[len(files)-1])
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-tail)
	r := lastReader(id)
	if r.Read(ctx, io.NewSectionReader(f, from, info.Size()-from), info.ModTime(), nil) != nil {
		return nil
	}
	return r.lastTry()
}

// lastReader returns a reader for the last attempt of an envelope.
func lastReader(id protocol.EnvelopeID) *Reader {
	return NewReader(Query{Envelopes: map[protocol.EnvelopeID]bool{id: true}})
}

// lastTry returns the last attempt in the log, or nil.
func (r *Reader) lastTry() *Event {
	var last *Event
	for _, s := range r.Stories() {
		for i := range s.Events {
			if k := s.Events[i].Kind; k == PutOff || k == Failed || k == Delivered {
				last = &s.Events[i]
			}
		}
	}
	return last
}

// longest is how many bytes of a line are read.
const longest = 64 << 10

// unread are the first bytes of files whose compression is not supported, with the
// program that reads them.
var unread = []struct{ magic, name, cat string }{
	{"\xfd7zXZ\x00", "xz", "xzcat"}, {"\x28\xb5\x2f\xfd", "zstd", "zstdcat"},
}

// unpack returns the content of a log, which may be compressed with gzip or bzip2.
func unpack(in io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(in, 256<<10)
	head, _ := b.Peek(6)
	for _, u := range unread {
		if strings.HasPrefix(string(head), u.magic) {
			return nil, fmt.Errorf("it is compressed with %s, which smtpctl cannot read: %s FILE | smtpctl show log --log - WHAT", u.name, u.cat)
		}
	}
	switch {
	case strings.HasPrefix(string(head), "\x1f\x8b"):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, err
		}
		return bufio.NewReaderSize(z, 256<<10), nil
	case strings.HasPrefix(string(head), "BZh"):
		return bufio.NewReaderSize(bzip2.NewReader(b), 256<<10), nil
	}
	return b, nil
}

// Read reads a log that ended at a given time.
func (r *Reader) Read(ctx context.Context, in io.Reader, end time.Time, progress func(n int)) error {
	b, err := unpack(in)
	if err != nil {
		return err
	}
	c := &clock{end.In(r.zone), r.zone}
	read := 0
	for skip := false; ; {
		text, err := b.ReadSlice('\n')
		full := errors.Is(err, bufio.ErrBufferFull)
		if !skip && len(text) > 0 {
			if l, ok := c.parse(text[:min(len(text), longest)]); ok {
				r.take(&l)
			}
		}
		skip = full
		if read += len(text); read >= 1<<20 {
			if err := context.Cause(ctx); err != nil {
				return err
			}
			if progress != nil {
				progress(read)
			}
			read = 0
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !full:
			return err
		}
	}
}
