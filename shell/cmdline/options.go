package cmdline

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// An Invocation is what only the command line of the program can say.
type Invocation struct {
	File      string // script to run, - for stdin
	KeepGoing bool   // run a script to its end even if commands fail
	Check     bool   // parse a script and send nothing
	Demo      int    // run on a simulated smtpd with so many messages, or noDemo
	Listen    string // run only that, at this path
}

// demoMessages is how many messages --demo begins with if it is not said.
const demoMessages = 200

// NoDemo means that there is no --demo.
const NoDemo = math.MinInt

// FlagValues returns the values of a flag that takes one of a few words.
func FlagValues(name string) []string {
	switch name {
	case "color":
		return command.ColorModes
	case "output":
		return command.Formats
	}
	for _, f := range CommandFlags {
		if f.Name == name {
			return f.Words
		}
	}
	return nil
}

// FlagSet returns the flags, which write to o and, if it is not nil, inv.
func FlagSet(o *command.Options, inv *Invocation) *pflag.FlagSet {
	fs := pflag.NewFlagSet("smtpctl", pflag.ContinueOnError)
	fs.SetInterspersed(false)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.SortFlags = false
	fs.StringVar(&o.Socket, "socket", o.Socket, "`PATH` of smtpd's control socket")
	fs.StringVar(&o.Spool, "spool", o.Spool, "`DIR` that holds smtpd's queue")
	fs.StringVar(&o.KeyFile, "key-file", o.KeyFile, "read the key of an encrypted queue from `FILE`; by default the key is taken from smtpd.conf, or asked for")
	fs.DurationVar(&o.Timeout, "timeout", o.Timeout, "how long smtpd may take to answer, a `TIME` such as 5s or 1m")
	fs.IntVar(&o.Window, "window", o.Window, "keep `N` requests in flight; 0 adapts to the load of smtpd")
	fs.StringVar(&o.Color, "color", o.Color, "colour the output: `WHEN` is auto, always or never")
	fs.StringVarP(&o.Output, "output", "o", o.Output, "print results as `FORMAT`: plain, table, expanded, json, csv, tsv or openmetrics; auto is table on a terminal and in a pipe at the prompt, else plain")
	fs.BoolFuncP("json", "j", "the same as -o json", func(string) error {
		o.Output = command.FormatJSON
		return nil
	})
	fs.BoolVarP(&o.DryRun, "dry-run", "n", o.DryRun, "list the envelopes that would be changed, and change nothing")
	fs.IntVar(&o.Expect, "expect", o.Expect, "do nothing unless exactly `N` envelopes match")
	fs.BoolVarP(&o.Yes, "yes", "y", o.Yes, "do not ask at the prompt before acting on many envelopes")
	fs.StringVar(&o.Save, "save", o.Save, "copy each envelope to `DIR` before it is removed; what cannot be copied is not removed")
	fs.Var(&span{&o.Keep}, "keep", "keep copies of what is removed at the prompt for a `TIME` such as 7d, so that undo can take it back; 0 keeps none")
	fs.Var(&size{&o.KeepSize}, "keep-size", "let these copies take `BYTES` of the disk, such as 500m or 2g; the oldest go first")
	for i := range CommandFlags {
		CommandFlags[i].define(fs, o)
	}
	fs.BoolVarP(&o.ReadOnly, "read-only", "r", o.ReadOnly, "refuse every command that changes something, and pipes and files")
	fs.BoolVar(&o.Restricted, "restricted", o.Restricted, "switch off pipes, files and the pager; no option after it may name a file or a server")
	if inv != nil {
		fs.IntVar(&inv.Demo, "demo", NoDemo, "run on a simulated smtpd with `N` messages; needs no root and no smtpd")
		fs.Lookup("demo").NoOptDefVal = strconv.Itoa(demoMessages)
		fs.StringVar(&inv.Listen, "listen", "", "with --demo, run only the simulation, at the socket `PATH`")
		fs.StringVarP(&inv.File, "file", "f", "", "run the commands in `FILE`, - for standard input")
		fs.BoolVarP(&inv.KeepGoing, "keep-going", "k", false, "run a script to its end even if commands fail")
		fs.BoolVar(&inv.Check, "check", false, "check a script for mistakes, and send nothing")
	}
	fs.BoolVarP(&o.Help, "help", "h", o.Help, "show help, also for the words of a command")
	fs.BoolVar(&o.Version, "version", o.Version, "show the version")
	return fs
}

// ParseOptions takes the flags out of words. literal says of the first word
// that is no flag whether all that follows it is to be left alone, but for flags
// of its own, and so does a word "--", which is dropped.
func ParseOptions(words []string, base command.Options, inv *Invocation, literal func(string) (own []string, ok bool)) (command.Options, []string, error) {
	o := base
	fs := FlagSet(&o, inv)
	var rest []string
	for len(words) > 0 {
		if err := parseFlags(fs, words, &o); err != nil {
			return o, nil, err
		}
		words = fs.Args()
		if fs.ArgsLenAtDash() == 0 {
			rest = append(rest, words...)
			break
		}
		if len(words) == 0 {
			break
		}
		first := len(rest) == 0
		rest = append(rest, words[0])
		words = words[1:]
		if !first {
			continue
		}
		if own, ok := literal(rest[0]); ok {
			n := leadingFlags(words, own)
			if err := parseFlags(fs, words[:n], &o); err != nil {
				return o, nil, err
			}
			words = words[n:]
			if len(words) == 2 && words[0] == "--" {
				words = words[1:] // as getopt(3) has it
			}
			rest = append(rest, words...)
			break
		}
	}
	return o, rest, validateOptions(&o)
}

// parseFlags parses the flags at the start of words, which write to o. A flag whose value is empty
// is an error, whichever it is: the value was most likely a variable of a script
// that is not set, and without its value the flag would mean something else, such
// as no copy of what is removed, or a script on standard input.
//
// Of two flags what they have switched off stays off: --read-only and --restricted
// are not taken back by a later word, and after --restricted no flag may name a
// file or a server, so that who adds words to a command line, or types them at a prompt, can
// neither read nor write what whoever began it did not name.
func parseFlags(fs *pflag.FlagSet, words []string, o *command.Options) error {
	err := fs.ParseAll(words, func(f *pflag.Flag, value string) error {
		// pflag reads -f= as -f with the value "=", where --file= has none.
		if value == "" || value == "=" && f.Shorthand != "" && f.NoOptDefVal == "" {
			return emptyValue(f)
		}
		if o.Restricted && namesOutside(f) {
			return fmt.Errorf("--%s: switched off by --restricted, after which no file and no server may be named", f.Name)
		}
		readOnly, restricted := o.ReadOnly, o.Restricted
		err := fs.Set(f.Name, value)
		if err == nil && (readOnly && !o.ReadOnly || restricted && !o.Restricted) {
			o.ReadOnly, o.Restricted = readOnly, restricted
			err = fmt.Errorf("--%s=%s: it has been switched on, and stays so", f.Name, value)
		}
		return err
	})
	if err != nil {
		return &command.UsageError{Err: optionError(err)}
	}
	return nil
}

// emptyValue returns the error for a flag whose value is empty.
func emptyValue(f *pflag.Flag) error {
	want, _ := pflag.UnquoteUsage(f)
	if want == "" {
		want = "true or false"
	}
	return fmt.Errorf("--%s \"\": the value is empty, want %s", f.Name, want)
}

// NamesFile reports whether the value of a flag is the name of a file, a folder or
// a socket, as its usage says.
func NamesFile(f *pflag.Flag) bool {
	value, _ := pflag.UnquoteUsage(f)
	return value == "FILE" || value == "DIR" || value == "PATH"
}

// namesOutside reports whether the value of a flag is the name of a file or of
// another program's socket or port, which a restricted session must not reach.
func namesOutside(f *pflag.Flag) bool {
	value, _ := pflag.UnquoteUsage(f)
	return NamesFile(f) || value == "ADDR"
}

// leadingFlags returns how many words after a command are flags of its own and
// their values. One that stands alone is none: it may be a password.
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

// optionError words pflag's errors as this program does.
func optionError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	for _, f := range CommandFlags {
		if f.Name == bad.GetFlag().Name && f.Want != "" {
			return fmt.Errorf("--%s %q: want %s", f.Name, bad.GetValue(), f.Want)
		}
	}
	switch bad.GetFlag().Name {
	case "timeout":
		return fmt.Errorf("--timeout %q: want a time such as 5s or 1m", bad.GetValue())
	case "keep":
		return fmt.Errorf("--keep %q: want a time such as 12h or 7d, or 0 for no copies", bad.GetValue())
	case "keep-size":
		return fmt.Errorf("--keep-size %q: want a number of bytes such as 500m or 2g", bad.GetValue())
	case "expect":
		return fmt.Errorf("--expect %q: want a number of envelopes", bad.GetValue())
	case "window":
		return fmt.Errorf("--window %q: want a number", bad.GetValue())
	}
	return err
}

func validateOptions(o *command.Options) error {
	if !slices.Contains(command.ColorModes, o.Color) {
		return command.Usagef("--color %q: want auto, always or never", o.Color)
	}
	if !slices.Contains(command.Formats, o.Output) {
		return command.Usagef("--output %q: want plain, table, expanded, json, csv, tsv, openmetrics or auto", o.Output)
	}
	if o.Expect < -1 {
		return command.Usagef("--expect %d: want a number of envelopes", o.Expect)
	}
	if o.Count < 0 {
		return command.Usagef("--count %d: want a number of lines", o.Count)
	}
	if o.Timeout <= 0 {
		return command.Usagef("--timeout %v: want more than zero", o.Timeout)
	}
	if o.Window < 0 || o.Window > protocol.MaxWindow {
		return command.Usagef("--window %d: want 1 to %d, or 0 to adapt", o.Window, protocol.MaxWindow)
	}
	return nil
}
