package cmdline

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/shell/command"
)

// CommandFlags are the flags that belong to one command, in the order in which help
// lists them. Package shell collects them from the command table.
var CommandFlags []CommandFlag

// A CommandFlag is a flag and the command that it belongs to, by its words.
type CommandFlag struct {
	command.Flag
	Command string
}

// manyFlags is more than commands have; it only saves time.
const manyFlags = 32

// FlagsOf collects the flags of commands. Commands that begin with the same words have
// the same flags, each of which is listed once.
func FlagsOf(commands []*command.Command) []CommandFlag {
	out := make([]CommandFlag, 0, manyFlags)
	for _, c := range commands {
		words, _, _ := strings.Cut(c.Pattern, " <")
		for _, f := range c.Flags {
			if !slices.ContainsFunc(out, func(have CommandFlag) bool { return have.Name == f.Name }) {
				out = append(out, CommandFlag{f, words})
			}
		}
	}
	return out
}

// define adds the flag to a set that writes to o.
func (f *CommandFlag) define(fs *pflag.FlagSet, o *command.Options) {
	text := f.Command + ": " + f.Text
	if f.In == nil {
		fs.VarPF(&ownValue{f, o}, f.Name, f.Short, text)
		if f.Switch() {
			fs.Lookup(f.Name).NoOptDefVal = "true"
		}
		return
	}
	switch p := f.In(o).(type) {
	case *bool:
		fs.BoolVarP(p, f.Name, f.Short, *p, text)
	case *int:
		fs.IntVarP(p, f.Name, f.Short, *p, text)
	case *string:
		fs.StringVarP(p, f.Name, f.Short, *p, text)
	case pflag.Value:
		fs.VarP(p, f.Name, f.Short, text)
	}
}

// An ownValue is the value of a flag that has no field in the options.
type ownValue struct {
	f *CommandFlag
	o *command.Options
}

// Set implements pflag.Value.
func (v *ownValue) Set(text string) error {
	if v.f.Switch() && text != "true" && text != "false" {
		return errors.New("expected true or false")
	}
	if v.f.Switch() && text == "false" {
		text = ""
	}
	v.o.SetOwn(v.f.Name, text)
	return nil
}

// String implements pflag.Value.
func (v *ownValue) String() string {
	if v.o == nil {
		return ""
	}
	return v.o.Own(v.f.Name)
}

// Type implements pflag.Value.
func (v *ownValue) Type() string {
	if v.f != nil && v.f.Switch() {
		return "bool"
	}
	return "string"
}

// Of reports whether a flag belongs to the command with this path.
func (f *CommandFlag) Of(path []string) bool {
	return strings.HasPrefix(strings.Join(path, " ")+" ", f.Command+" ")
}

// FlagsAfter returns the flags that belong to the command of one word.
func FlagsAfter(word string) []string {
	var names []string
	for _, f := range CommandFlags {
		if f.Command == word {
			names = append(names, "--"+f.Name)
		}
	}
	return names
}
