// Package config reads the settings of the prompt.
package config

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/state"
)

// System is the file with the settings of all users. Those in a user's own come after,
// and count where both say something.
const System = "/etc/smtpctl.conf"

// Limits of a file.
const (
	maxLine   = 4096
	maxLines  = 1000
	maxErrors = 10
)

// A Config is what the files say. The zero value is what counts without any.
type Config struct {
	Menu  string // auto, or tab: the menu opens only when Tab is pressed
	Host  string // short, full or none: how the prompt names the machine
	Color string // auto, always or never

	Confirm string // up to how many envelopes the prompt does not ask, a number
	Columns string // of a listing, split by commas

	// Where is the file and line of each setting, by key.
	Where map[string]string

	Selections []Named // with let: words of a selector, used as @NAME
	Aliases    []Named // the first words of a line
}

// Named is words under a name.
type Named struct {
	Name, Text string
	Where      string // the file and line
}

// A setting is a line KEY = VALUE.
type setting struct {
	in     func(c *Config) *string
	values []string // all that it can be, if not empty
}

// settings are all, by key.
var settings = map[string]setting{
	"confirm": {func(c *Config) *string { return &c.Confirm }, nil},
	"columns": {func(c *Config) *string { return &c.Columns }, nil},
	"menu":    {func(c *Config) *string { return &c.Menu }, []string{"auto", "tab"}},
	"host":    {func(c *Config) *string { return &c.Host }, []string{"short", "full", "none"}},
	"color":   {func(c *Config) *string { return &c.Color }, []string{"auto", "always", "never"}},
}

// Load reads the settings of all users, then those of the user. It returns what could be
// understood, and what is wrong with the rest, each with its file and line.
func Load(env func(string) string) (c Config, problems []error) {
	problems = c.file(System)
	if dir := state.ConfigDir(env); dir != "" {
		problems = append(problems, c.file(filepath.Join(dir, "config"))...)
	}
	return c, problems
}

// file takes in a file. One that somebody else could have written says nothing.
func (c *Config) file(path string) []error {
	f, err := safefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []error{err}
	}
	defer f.Close()
	if err := trusted(f); err != nil {
		return []error{fmt.Errorf("%s: %w", path, err)}
	}
	return c.read(path, f)
}

// trusted refuses files that others than root and the effective user may write.
func trusted(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return errors.New("not read: it belongs to another user")
	case info.Mode().Perm()&0o022 != 0:
		return errors.New("not read: others may write it; chmod go-w it")
	}
	return nil
}

// read takes in the lines of a file.
func (c *Config) read(path string, r io.Reader) (problems []error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	n := 0
	for sc.Scan() {
		n++
		err := c.line(sc.Text(), fmt.Sprintf("%s:%d", path, n))
		if n > maxLines {
			return append(problems, fmt.Errorf("%s:%d: more than %d lines, the rest is not read", path, n, maxLines))
		}
		if err == nil {
			continue
		}
		problems = append(problems, fmt.Errorf("%s:%d: %w", path, n, err))
		if len(problems) == maxErrors {
			return append(problems, fmt.Errorf("%s: the rest is not read", path))
		}
	}
	if err := sc.Err(); err != nil {
		problems = append(problems, fmt.Errorf("%s:%d: %w", path, n+1, err))
	}
	return problems
}

// names are what stands before a name, and where such names are kept.
var names = map[string]func(c *Config) *[]Named{
	"let":   func(c *Config) *[]Named { return &c.Selections },
	"alias": func(c *Config) *[]Named { return &c.Aliases },
}

// nameRE is what a name looks like.
var nameRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}$`) })

// named takes in NAME = TEXT after let or alias; a later one takes the place of an
// earlier one.
func (c *Config) named(what, name, text, where string) error {
	list := names[what](c)
	switch {
	case !nameRE().MatchString(name):
		return fmt.Errorf("%s %q: want a name of small letters, digits, - and _", what, name)
	case text == "":
		return fmt.Errorf("%s %s: want words after the =", what, name)
	}
	*list = slices.DeleteFunc(*list, func(n Named) bool { return n.Name == name })
	*list = append(*list, Named{name, text, where})
	return nil
}

// line takes in a line.
func (c *Config) line(text, where string) error {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return nil
	}
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		return fmt.Errorf("%q: want KEY = VALUE", text)
	}
	if what, name, two := strings.Cut(key, " "); two && names[what] != nil {
		return c.named(what, strings.TrimSpace(name), value, where)
	}
	s, known := settings[key]
	switch {
	case !known:
		return fmt.Errorf("%q: unknown setting, want one of %s", key, strings.Join(append(keys(), "let NAME", "alias NAME"), ", "))
	case len(s.values) > 0 && !slices.Contains(s.values, value):
		return fmt.Errorf("%s: %q: want %s", key, value, strings.Join(s.values, " or "))
	}
	*s.in(c) = value
	if c.Where == nil {
		c.Where = map[string]string{}
	}
	c.Where[key] = where
	return nil
}

// keys returns the keys of all settings, in order.
func keys() []string {
	var out []string
	for k := range settings {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
