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

// names are the logs of mail of the systems on which smtpd runs, the first that is there.
var names = []string{"maillog", "mail.log", "mail/mail.log", "syslog", "messages"}

// ErrNone means that there is no log where systems keep it.
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

// old is what stands behind the name of a rotated log.
var old = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\.(\d{1,4})|-(\d{8}))(?:\.(?:gz|bz2|xz|zst))?$`)
})

// rotated returns the files of a log, the oldest first.
func rotated(path string) ([]string, error) {
	all, err := filepath.Glob(path + "*")
	if err != nil {
		return nil, err
	}
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
	return out, nil
}

// ReadFiles reads the files of a log in order, and returns why some could not be read to
// their end: a rotated file that is damaged, or that has gone meanwhile, keeps none of the
// others from being read. Only the end of ctx does.
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

// ReadFile reads a file of a log, compressed by gzip, bzip2 or not. progress, if not nil, is told
// how many bytes have been read.
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

// tail is how much of a log LastTry reads.
const tail = 16 << 20

// LastTry returns what the end of a log tells of the last attempt of an envelope, or
// nothing: where there is no log, or it tells nothing, nobody needs to know.
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
	r := NewReader(Query{Envelopes: map[protocol.EnvelopeID]bool{id: true}})
	if r.Read(ctx, io.NewSectionReader(f, from, info.Size()-from), info.ModTime(), nil) != nil {
		return nil
	}
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

// longest is how much of a line is looked at.
const longest = 64 << 10

// unread are what begins files of which the compression is not read here, and what reads them.
var unread = []struct{ magic, name, cat string }{
	{"\xfd7zXZ\x00", "xz", "xzcat"}, {"\x28\xb5\x2f\xfd", "zstd", "zstdcat"},
}

// unpack returns what a log holds, compressed by gzip, bzip2 or not.
func unpack(in io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(in, 256<<10)
	head, _ := b.Peek(6)
	for _, u := range unread {
		if strings.HasPrefix(string(head), u.magic) {
			return nil, fmt.Errorf("it is compressed by %s, which is not read here: %s FILE | smtpctl show log --log - WHAT", u.name, u.cat)
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

// Read reads a log, compressed by gzip, bzip2 or not, that ended at a time.
func (r *Reader) Read(ctx context.Context, in io.Reader, end time.Time, progress func(n int)) error {
	b, err := unpack(in)
	if err != nil {
		return err
	}
	c := &clock{end}
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
