package command

import (
	"maps"
	"strings"
)

// A Flag belongs to one command and stands beside it: `Flags: []command.Flag{{Name:
// "seconds", Text: "print seconds"}}`. Other commands then refuse the flag, and help,
// completion and the manual show it with its command.
type Flag struct {
	Name  string
	Short string // one letter, or nothing
	// Text is the help of the flag. It contains the name of the value in backquotes,
	// such as `N`. FILE, DIR and PATH stand for files, ADDR for a server. A flag whose
	// text has no such name is a switch.
	Text string
	// Want says what the value should be, for the error about an invalid one.
	Want string
	// Words, if not empty, are all values that completion offers.
	Words []string
	// Secret says that the value is to be kept nowhere.
	Secret bool
	// Live says that the command runs until it is interrupted if the flag is given.
	Live bool
	// In returns where the options store the value: a *bool, *int or *string, or a
	// pflag.Value. If In is nil, Call.Flag returns the value.
	In func(o *Options) any
}

// Switch reports whether the flag takes no value.
func (f *Flag) Switch() bool { return !strings.Contains(f.Text, "`") }

// Value returns the value of the flag in o, for comparisons.
func (f *Flag) Value(o *Options) any {
	if f.In == nil {
		return o.own[f.Name]
	}
	switch p := f.In(o).(type) {
	case *bool:
		return *p
	case *int:
		return *p
	case *string:
		return *p
	case interface{ String() string }:
		return p.String()
	}
	return nil
}

// SetOwn sets the value of a flag that has no field in Options. Copies of these options
// made earlier keep their values.
func (o *Options) SetOwn(name, value string) {
	own := maps.Clone(o.own)
	if own == nil {
		own = map[string]string{}
	}
	own[name] = value
	o.own = own
}

// Own returns the value of a flag that has no field: "" if the flag was not given, and
// "true" for a switch that was.
func (o *Options) Own(name string) string { return o.own[name] }

// Flag returns the value of a flag of the command that has no field in Options.
func (c *Call) Flag(name string) string { return c.Opts.Own(name) }
