package command

import (
	"maps"
	"strings"
)

// A Flag belongs to one command and stands beside it: `Flags: []command.Flag{{Name:
// "seconds", Text: "print seconds"}}`. That other commands refuse it, and that help,
// completion and the manual show it with its command, follows from that.
type Flag struct {
	Name  string
	Short string // one letter, or nothing
	// Text is its help. The name of its value stands in it in backquotes, `N` for
	// one; FILE, DIR and PATH name files, ADDR a server. A text without one makes a
	// switch.
	Text string
	// Want says what the value should be, for the error about one that it cannot be.
	Want string
	// Words, if not empty, are all the values that completion offers.
	Words []string
	// Live says that the command goes on until it is interrupted if the flag is given.
	Live bool
	// In returns where the options have the value: a *bool, *int or *string, or what
	// has the methods of a pflag.Value. Without it Call.Flag returns the value.
	In func(o *Options) any
}

// Switch reports whether the flag has no value.
func (f *Flag) Switch() bool { return !strings.Contains(f.Text, "`") }

// Value returns the value that options have for the flag, for comparisons.
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

// SetOwn sets the value of a flag that has no field. Options that were copied from
// these before keep theirs.
func (o *Options) SetOwn(name, value string) {
	own := maps.Clone(o.own)
	if own == nil {
		own = map[string]string{}
	}
	own[name] = value
	o.own = own
}

// Own returns the value of a flag that has no field: nothing if it was not given,
// and true for a switch that was.
func (o *Options) Own(name string) string { return o.own[name] }

// Flag returns the value of a flag of the command that has no field in Options.
func (c *Call) Flag(name string) string { return c.Opts.Own(name) }
