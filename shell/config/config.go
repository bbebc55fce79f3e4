// Package config reads the settings of the prompt, and the groups of hosts.
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
	"unicode"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/state"
)

// System is the file with the settings for all users. The settings in a user's own file
// take precedence.
const System = "/etc/smtpctl.conf"

// byteOrderMark may stand at the beginning of a file and is not part of it.
const byteOrderMark = "\ufeff"

// Limits of a file.
const (
	maxLine   = 4096
	maxLines  = 1000
	maxErrors = 10
)

// A Config is the content of the files. The zero value stands for no settings.
type Config struct {
	Menu  string // auto, or tab: the menu opens only when Tab is pressed
	Host  string // short, full or none: how the prompt names the machine
	Color string // auto, always or never

	Highlight  string // auto or never: whether words are coloured as they are typed
	Suggestion string // auto or never: whether grey text completes the line from the history

	Confirm string // decimal number of envelopes up to which the prompt does not ask
	Columns string // of a listing, separated by commas

	Inventory string // path of a file with one host a line, for the group @all

	Parallel string // decimal number of machines that work at the same time

	// Where is the file and line of each setting, by key.
	Where map[string]string

	Selections []Named // with let: words of a selector, used as @NAME
	Aliases    []Named // the first words of a line
	Groups     []Named // of hosts, used as @NAME after --host
	Machines   []Named // words such as way=sudo-nc for one host, which Name is; neither is checked

	// Hidden is the first problem because of which the files may say something about machines
	// that is not here: a file that is not read, or not to its end, or a wrong line about them.
	Hidden error
}

// A Named is a name for words.
type Named struct {
	Name, Text string
	Where      string // the file and line
}

// A setting is a line KEY = VALUE.
type setting struct {
	in     func(c *Config) *string
	values []string // the valid values; any value is valid if empty
}

// settings are all settings by key.
var settings = sync.OnceValue(func() map[string]setting {
	return map[string]setting{
		"confirm":   {func(c *Config) *string { return &c.Confirm }, nil},
		"columns":   {func(c *Config) *string { return &c.Columns }, nil},
		"inventory": {func(c *Config) *string { return &c.Inventory }, nil},
		"parallel":  {func(c *Config) *string { return &c.Parallel }, nil},
		"menu":      {func(c *Config) *string { return &c.Menu }, []string{"auto", "tab"}},
		"host":      {func(c *Config) *string { return &c.Host }, []string{"short", "full", "none"}},
		"color":     {func(c *Config) *string { return &c.Color }, []string{"auto", "always", "never"}},

		"highlight":  {func(c *Config) *string { return &c.Highlight }, []string{"auto", "never"}},
		"suggestion": {func(c *Config) *string { return &c.Suggestion }, []string{"auto", "never"}},
	}
})

// Load reads the settings for all users, then those of the user. It returns the valid
// settings, and an error with file and line for each invalid one.
func Load(env func(string) string) (c Config, problems []error) {
	problems = c.file(System)
	if dir := state.ConfigDir(env); dir != "" {
		problems = append(problems, c.file(filepath.Join(dir, "config"))...)
	}
	return c, problems
}

// file reads a file, unless another user could have written it.
func (c *Config) file(path string) []error {
	f, err := safefile.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // HOME may be /dev/null
		return nil
	}
	if err != nil {
		return []error{c.hide(err)}
	}
	defer f.Close()
	if err := trusted(f); err != nil {
		return []error{c.hide(fmt.Errorf("%s: %w", path, err))}
	}
	return c.read(path, f)
}

// hide makes a problem Hidden if it is the first of its kind, and returns it.
func (c *Config) hide(problem error) error {
	if c.Hidden == nil {
		c.Hidden = problem
	}
	return problem
}

// trusted refuses a file that users other than root and the effective user may write.
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

// read adds the settings of a file and returns its problems. It stops after maxErrors.
func (c *Config) read(path string, r io.Reader) (problems []error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine+1) // a Scanner needs room for the newline
	n := 0
	for sc.Scan() {
		n++
		text := sc.Text()
		if n == 1 {
			text = strings.TrimPrefix(text, byteOrderMark)
		}
		if n > maxLines {
			return append(problems, c.hide(fmt.Errorf("%s:%d: more than %d lines, the rest is not read", path, n, maxLines)))
		}
		err := c.line(text, fmt.Sprintf("%s:%d", path, n))
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s:%d: %w", path, n, err)
		if ofMachines(text) {
			c.hide(err)
		}
		if problems = append(problems, err); len(problems) == maxErrors {
			return append(problems, c.hide(fmt.Errorf("%s: the rest is not read", path)))
		}
	}
	if err := sc.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("the line is longer than %d bytes, and the rest is not read", maxLine)
		}
		problems = append(problems, c.hide(fmt.Errorf("%s:%d: %w", path, n+1, err)))
	}
	return problems
}

// ofMachines reports whether a wrong line seems to say something about machines. The setting
// host, without a name, does not.
func ofMachines(line string) bool {
	words := strings.FieldsFunc(line, func(r rune) bool { return unicode.IsSpace(r) || r == '=' || r == ':' })
	if len(words) == 0 {
		return false
	}
	switch strings.TrimSuffix(strings.ToLower(words[0]), "s") {
	case "group", "inventory", "parallel":
		return true
	case "host":
		key, _, _ := strings.Cut(line, "=")
		return strings.TrimSpace(key) != "host"
	}
	return false
}

// names maps the word before a name to the list of such names.
var names = sync.OnceValue(func() map[string]func(c *Config) *[]Named {
	return map[string]func(c *Config) *[]Named{
		"let":   func(c *Config) *[]Named { return &c.Selections },
		"alias": func(c *Config) *[]Named { return &c.Aliases },
		"group": func(c *Config) *[]Named { return &c.Groups },
		"host":  func(c *Config) *[]Named { return &c.Machines },
	}
})

// nameRE matches a valid name.
var nameRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}$`) })

// named adds the name of a line such as let NAME = TEXT. A later one replaces an earlier
// one of the same name.
func (c *Config) named(what, name, text, where string) error {
	list := names()[what](c)
	switch {
	case what != "host" && !nameRE().MatchString(name):
		return fmt.Errorf("%s %q: expected a name of small letters, digits, - and _", what, name)
	case text == "":
		return fmt.Errorf("%s %s: expected words after the =", what, name)
	}
	*list = slices.DeleteFunc(*list, func(n Named) bool { return n.Name == name })
	*list = append(*list, Named{name, text, where})
	return nil
}

// line adds the setting of a line. Blank lines and comments have none.
func (c *Config) line(text, where string) error {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return nil
	}
	key, value, ok := strings.Cut(text, "=")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if !ok {
		return fmt.Errorf("%q: expected KEY = VALUE", text)
	}
	if what, name, two := strings.Cut(key, " "); two && names()[what] != nil {
		return c.named(what, strings.TrimSpace(name), value, where)
	}
	s, known := settings()[key]
	switch {
	case !known:
		return fmt.Errorf("%q: unknown setting, expected one of %s", key, strings.Join(append(keys(), "let NAME", "alias NAME", "group NAME", "host NAME"), ", "))
	case len(s.values) > 0 && !slices.Contains(s.values, value):
		return fmt.Errorf("%s: %q: expected %s", key, value, strings.Join(s.values, " or "))
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
	for k := range settings() {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
