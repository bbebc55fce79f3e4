// Package disk reads what this machine's disk has of smtpd: smtpd.conf, the queue and
// its key, the lock on the queue, and mail that smtpd does not list.
package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"runtime"
	"strings"

	"smtpctl/protocol/safefile"
)

// Limits of smtpd.conf with all files that it includes.
const (
	maxInclude   = 8        // how deep files may include each other
	maxConfFiles = 100      // how many they may be
	maxConf      = 16 << 20 // bytes in all of them
	maxConfLine  = 64 << 10 // bytes in one line
)

// ConfPath is where smtpd's configuration is.
func ConfPath() string { return confPathOn(runtime.GOOS) }

// confPathOn is ConfPath for a system.
func confPathOn(system string) string {
	if system == "openbsd" {
		return "/etc/mail/smtpd.conf"
	}
	return "/etc/smtpd.conf"
}

// included returns the file that a line includes, or "".
func included(line string) string {
	rest, ok := strings.CutPrefix(strings.TrimLeft(line, " \t"), "include")
	if !ok {
		return ""
	}
	text, ok := strings.CutPrefix(strings.TrimLeft(rest, " \t"), `"`)
	if path, _, whole := strings.Cut(text, `"`); ok && whole {
		return path
	}
	return ""
}

// A confReader reads a configuration and what it includes.
type confReader struct {
	files    []string       // that were read so far
	size     int            // of them, in bytes
	err      error          // why not all was read: it is larger than the limits
	far      safefile.Files // of the machine that they are on; nil if it is this one
	modified int64          // when one of them was changed last
}

// open opens a file, and notes when it was changed.
func (r *confReader) open(path string) (io.ReadCloser, error) {
	if r.far == nil {
		f, err := safefile.OpenLinked(path)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err == nil {
			r.modified = max(r.modified, info.ModTime().Unix())
		}
		return f, nil
	}
	f, info, err := r.far.Open("", path, 0)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			r.err = err
		}
		return nil, err
	}
	defer f.Close()
	r.modified = max(r.modified, info.Modified)
	text, err := io.ReadAll(io.LimitReader(f, maxConf+1))
	if err != nil {
		r.err = err
	}
	return io.NopCloser(bytes.NewReader(text)), nil
}

// lines yields the lines of a configuration file, with the lines of included files in
// the place of their include. Files that cannot be read have no lines. If a limit is
// exceeded, r.err says so.
func (r *confReader) lines(path string) iter.Seq[string] {
	return func(yield func(string) bool) { r.walk(path, 0, yield) }
}

func (r *confReader) walk(path string, depth int, yield func(string) bool) bool {
	f, err := r.open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	switch {
	case depth > maxInclude:
		r.err = fmt.Errorf("%s: files include each other more than %d deep", path, maxInclude)
		return true
	case len(r.files) >= maxConfFiles:
		r.err = fmt.Errorf("%s: more than %d files are included", path, maxConfFiles)
		return true
	}
	r.files = append(r.files, path)
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, maxConfLine+1) // a Scanner needs room for the newline
	defer func() {
		if errors.Is(sc.Err(), bufio.ErrTooLong) {
			r.err = fmt.Errorf("%s: a line is longer than %d bytes", path, maxConfLine)
		}
	}()
	for sc.Scan() {
		line := sc.Text()
		if r.size += len(line) + 1; r.size > maxConf {
			r.err = fmt.Errorf("%s: with the files that it includes it is larger than %d bytes", path, maxConf)
			return false
		}
		if path := included(line); path != "" {
			if !r.walk(path, depth+1, yield) {
				return false
			}
		} else if !yield(line) {
			return false
		}
	}
	return true
}

// ConfLines yields the lines of smtpd's configuration up to the limits.
func ConfLines(path string) iter.Seq[string] { return new(confReader).lines(path) }

// ConfFiles returns the files of smtpd's configuration that can be read.
func ConfFiles(path string) []string {
	var r confReader
	for range r.lines(path) {
	}
	return r.files
}
