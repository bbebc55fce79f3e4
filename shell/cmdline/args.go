package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/shell/command"
)

// A Parser parses lines and the words of commands. Evaluation, history, completion and
// help use the same Parser, so that they cannot disagree about the meaning of a word.
type Parser struct {
	Base command.Options // what holds where a line has no flag
	Inv  *Invocation     // not nil for the command line of the program
	// Verbatim reports whether a first word stands for a command after which nothing is a
	// flag, but for those that it returns, with their dashes. If it is not, the first of
	// those has its own meaning right after that word: a number of seconds follows it.
	Verbatim func(word string) (own []string, ok bool)
	// Aims, if set, reports whether a first word stands for a command whose first argument
	// names machines, and is followed by the words of another command.
	Aims  func(word string) bool
	Names Names
}

// A Role says what a word of a command is.
type Role uint8

// The roles of words.
const (
	RoleWord   Role = iota // of the command itself, or its argument
	RoleFlag               // a flag, or several in one word, perhaps with the value
	RoleValue              // the value of the flag before it
	RoleDashes             // the -- that ends the flags, or comes before a password
	RoleExact              // an argument that is taken as it is, such as a password
)

// Args are the words of a command with their roles.
type Args struct {
	Opts  command.Options // the base, with the flags of these words
	Words []string        // those that are no flags: the words of the command and its arguments
	Given []GivenFlag     // the flags, in their order
	Roles []Role          // one for each word that there was
	Err   error           // what is wrong with a flag
	// Ended says that no flag may follow, and Own are the flags that may nevertheless.
	Ended bool
	Own   []string

	before int            // words of a command before that of the command inside it
	flags  *pflag.FlagSet // that write to Opts; made for the first flag
	next   string         // the flag that may come next, and would not be one elsewhere
	valued string         // the flag whose value was the last that was a word of its own
}

// aimWords is how many words say for which machines the command after them is.
const aimWords = 2

// A GivenFlag is a flag that was given.
type GivenFlag struct{ Name, Value string }

// Args determines the roles of the words of a command. All words get a role, but flags
// after a wrong one do not count.
func (p *Parser) Args(words []string) *Args {
	a := &Args{Opts: p.Base, Roles: make([]Role, 0, len(words))}
	if p.Inv != nil {
		p.Inv.Demo = NoDemo
	}
	for i := 0; i < len(words); i = len(a.Roles) {
		switch w := words[i]; {
		case w == "--":
			a.add(RoleDashes)
			a.Ended = true
			a.take(RoleWord, words[i+1:])
		case len(w) > 1 && w[0] == '-':
			a.flag(p, words[i:])
		default:
			a.take(RoleWord, words[i:i+1])
			if len(a.Words) == 1 && p.Aims != nil && p.Aims(w) {
				a.before = aimWords
			}
			if len(a.Words) != a.before+1 {
				continue
			}
			if own, ok := p.verbatim(w); ok {
				a.exact(p, words[i+1:], own)
			} else if len(own) > 0 {
				a.every(w, own[0], words[i+1:])
			}
		}
	}
	if a.Err == nil {
		a.Err = validateOptions(&a.Opts)
	}
	return a
}

func (p *Parser) verbatim(word string) (own []string, ok bool) {
	if p.Verbatim == nil {
		return nil, false
	}
	return p.Verbatim(word)
}

// add notes the role of the next word.
func (a *Args) add(r Role) { a.Roles = append(a.Roles, r) }

// take takes words that are no flags.
func (a *Args) take(r Role, words []string) {
	for range words {
		a.add(r)
	}
	a.Words = append(a.Words, words...)
}

// exact handles the words after a command whose arguments are literal: first flags of
// its own, then, as in getopt(3), a -- before a single argument.
func (a *Args) exact(p *Parser, words, own []string) {
	end := len(a.Roles) + leadingFlags(words, own)
	for len(a.Roles) < end {
		n := len(a.Roles)
		a.flag(p, words)
		words = words[len(a.Roles)-n:]
	}
	a.Ended, a.Own = true, own
	if len(words) > 0 {
		a.Own = nil
	}
	if len(words) == 2 && words[0] == "--" {
		a.add(RoleDashes)
		words = words[1:]
	}
	a.take(RoleExact, words)
}

// every takes the flag with a number of seconds that may stand right after a word.
func (a *Args) every(word, flag string, words []string) {
	if len(words) == 0 {
		a.next = flag
	}
	if len(words) == 0 || !strings.HasPrefix(words[0], flag) {
		return
	}
	seconds, _, err := everyOf(word, flag, words)
	a.add(RoleFlag)
	if len(words) > 1 && words[0] == flag {
		a.add(RoleValue)
		a.valued = flag
	}
	if a.Err == nil {
		a.Err = err
	}
	a.Words = append(a.Words, seconds...)
}

// flag handles the flag at the start of words, and its value. An empty value is an
// error for every flag: the value was most likely an unset variable of a script, and
// without it the flag would mean something else, such as no copies of removed mail, or
// a script on standard input.
func (a *Args) flag(p *Parser, words []string) {
	if a.flags == nil {
		a.flags = FlagSet(&a.Opts, p.Inv)
	}
	given, err := flagsIn(a.flags, words[:1])
	a.add(RoleFlag)
	if missing := (*pflag.ValueRequiredError)(nil); errors.As(err, &missing) && len(words) > 1 {
		given, err = flagsIn(a.flags, words[:2])
		a.add(RoleValue)
		a.valued = "--" + missing.GetFlag().Name
	}
	for _, g := range given {
		if a.Err != nil {
			return
		}
		a.Err = a.set(g)
	}
	if a.Err == nil && err != nil {
		a.Err = &command.UsageError{Err: err}
	}
}

// flagsIn returns the flags in one word, of which the last may have its value in the
// next. There may be some before an error.
func flagsIn(fs *pflag.FlagSet, words []string) (given []GivenFlag, err error) {
	err = fs.ParseAll(words, func(f *pflag.Flag, value string) error {
		// pflag reads -f= as -f with the value "=", where --file= has none.
		if value == "=" && f.Shorthand != "" && f.NoOptDefVal == "" {
			value = ""
		}
		given = append(given, GivenFlag{f.Name, value})
		return nil
	})
	return given, err
}

// set sets the option of a flag.
//
// Two flags cannot be taken back: a later word cannot undo --read-only or --restricted,
// and after --restricted no flag may name a file or a server. So a person who adds
// words to a command line, or types them at a prompt, can neither read nor write files
// that the author of its beginning did not name.
func (a *Args) set(g GivenFlag) error {
	f, o := a.flags.Lookup(g.Name), &a.Opts
	if g.Value == "" {
		return &command.UsageError{Err: emptyValue(f)}
	}
	if o.Restricted && namesOutside(f) {
		return command.Usagef("--%s: switched off by --restricted, after which no file and no server may be named", f.Name)
	}
	readOnly, restricted := o.ReadOnly, o.Restricted
	if err := a.flags.Set(g.Name, g.Value); err != nil {
		return &command.UsageError{Err: optionError(err)}
	}
	if readOnly && !o.ReadOnly || restricted && !o.Restricted {
		o.ReadOnly, o.Restricted = readOnly, restricted
		return command.Usagef("--%s=%s: it has been switched on, and stays so", f.Name, g.Value)
	}
	a.Given = append(a.Given, g)
	return nil
}

// emptyValue returns the error for a flag whose value is empty.
func emptyValue(f *pflag.Flag) error {
	want, _ := pflag.UnquoteUsage(f)
	if want == "" {
		want = "true or false"
	}
	return fmt.Errorf("--%s \"\": the value is empty, expected %s", f.Name, want)
}

// leadingFlags returns how many words after a command are its own flags and their
// values. A flag without a value does not count, because it may be a password.
func leadingFlags(words, own []string) int {
	n := 0
	for n < len(words) {
		name, _, whole := strings.Cut(words[n], "=")
		switch {
		case !slices.Contains(own, name) || !whole && n+1 == len(words):
			return n
		case whole:
			n++
		default:
			n += 2
		}
	}
	return n
}
