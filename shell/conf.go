package shell

import (
	"bufio"
	"iter"
	"runtime"
	"strings"

	"smtpctl/protocol/safefile"
)

// maxInclude is how deep the files of smtpd.conf may include each other, and
// maxConfFiles how many they may be.
const (
	maxInclude   = 8
	maxConfFiles = 100
)

// confPath is where smtpd's configuration is.
func confPath() string {
	if runtime.GOOS == "openbsd" {
		return "/etc/mail/smtpd.conf"
	}
	return "/etc/smtpd.conf"
}

// included returns the file that a line includes, or nothing.
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
	files []string // that were read so far
}

// lines yields the lines of a file of smtpd's configuration, and in their place
// those of the files that it includes. Files that cannot be read have none.
func (r *confReader) lines(path string) iter.Seq[string] {
	return func(yield func(string) bool) { r.walk(path, 0, yield) }
}

func (r *confReader) walk(path string, depth int, yield func(string) bool) bool {
	f, err := safefile.OpenLinked(path)
	if err != nil || depth > maxInclude || len(r.files) >= maxConfFiles {
		return true
	}
	defer f.Close()
	r.files = append(r.files, path)
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := sc.Text()
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

// confLines yields the lines of smtpd's configuration.
func confLines(path string) iter.Seq[string] { return new(confReader).lines(path) }

// confFiles returns the files of smtpd's configuration that can be read.
func confFiles(path string) []string {
	var r confReader
	for range r.lines(path) {
	}
	return r.files
}
