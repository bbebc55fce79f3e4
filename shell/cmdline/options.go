package cmdline

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// An Invocation is what only the command line of the program can say.
type Invocation struct {
	File      string // script to run, - for stdin
	KeepGoing bool   // do not stop a script when a command fails
	Check     bool   // parse a script and send nothing
	Demo      int    // run on a simulated smtpd with so many messages, or noDemo
	Hosts     int    // with Demo, so many simulated machines beside this one
	Listen    string // run only that, at this path
	Stdio     bool   // copy from standard input to smtpd's socket, and back
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
	fs.StringVar(&o.Host, "host", o.Host, "use the smtpd of another machine, by ssh: `HOST` is a name as ssh takes it, local for this machine, or several of them and of groups such as @front with commas between them")
	fs.Var(&place{&o.Socket, &o.SocketGiven}, "socket", "`PATH` of smtpd's control socket")
	fs.Var(&place{&o.Spool, &o.SpoolGiven}, "spool", "`DIR` that holds smtpd's queue")
	fs.StringVar(&o.KeyFile, "key-file", o.KeyFile, "read the key of an encrypted queue from `FILE`; by default it is read from smtpd.conf or asked for")
	fs.DurationVar(&o.Timeout, "timeout", o.Timeout, "how long smtpd may take to answer, a `TIME` such as 5s or 1m")
	fs.IntVar(&o.Window, "window", o.Window, "keep `N` requests in flight; 0 adapts to the load of smtpd")
	fs.Var(&machines{&o.Parallel}, "parallel", fmt.Sprintf("of several machines, let `N` work at the same time, 1 to %d; by default 16, or what the settings say", command.MaxHosts))
	fs.StringVar(&o.Color, "color", o.Color, "colour the output: `WHEN` is "+render.AnyOf(command.ColorModes))
	fs.StringVarP(&o.Output, "output", "o", o.Output, "print results as `FORMAT`: "+render.AnyOf(command.Formats)+"; auto means table on a terminal and in a pipe at the prompt, otherwise plain")
	fs.BoolFuncP("json", "j", "the same as -o json", func(string) error {
		o.Output = command.FormatJSON
		return nil
	})
	fs.StringVar(&o.Columns, "columns", o.Columns, "of a list, show only the columns with these `NAMES`, split by commas")
	fs.BoolVarP(&o.DryRun, "dry-run", "n", o.DryRun, "list the envelopes that would be changed, and change nothing")
	fs.Var(&exactly{&o.Expect}, "expect", "do nothing unless exactly `N` envelopes match")
	fs.BoolVarP(&o.Yes, "yes", "y", o.Yes, "do not ask at the prompt before acting on many envelopes")
	fs.StringVar(&o.Save, "save", o.Save, "copy each envelope to `DIR` of this machine before it is removed; an envelope that cannot be copied is not removed")
	fs.Var(&span{&o.Keep}, "keep", "keep copies of mail removed at the prompt for `TIME`, such as 7d, so that undo can restore it; 0 keeps none")
	fs.Var(&size{&o.KeepSize}, "keep-size", "let these copies take at most `BYTES` of disk space, such as 500m or 2g; the oldest are deleted first")
	for i := range CommandFlags {
		CommandFlags[i].define(fs, o)
	}
	fs.BoolVarP(&o.ReadOnly, "read-only", "r", o.ReadOnly, "refuse every command that changes something, and pipes and files")
	fs.BoolVar(&o.Restricted, "restricted", o.Restricted, "switch off pipes, files and the pager; no later option may name a file or a server")
	if inv != nil {
		fs.IntVar(&inv.Demo, "demo", NoDemo, "run on a simulated smtpd with `N` messages; needs no root and no smtpd")
		fs.Lookup("demo").NoOptDefVal = strconv.Itoa(demoMessages)
		fs.IntVar(&inv.Hosts, "hosts", 0, "with --demo, simulate `K` other machines too, up to 50: mx1, mx2 and so on, for --host, on and connect; no ssh is started")
		fs.StringVar(&inv.Listen, "listen", "", "with --demo, run only the simulation, at the socket `PATH`")
		fs.BoolVar(&inv.Stdio, "stdio", false, "copy standard input to smtpd's socket and what smtpd answers to standard output, for this program on another machine")
		fs.StringVarP(&inv.File, "file", "f", "", "run the commands in `FILE`, - for standard input")
		fs.BoolVarP(&inv.KeepGoing, "keep-going", "k", false, "do not stop a script when a command fails")
		fs.BoolVar(&inv.Check, "check", false, "check a script for errors, and run nothing")
	}
	fs.BoolVarP(&o.Help, "help", "h", o.Help, "show help; with the words of a command, help for that command")
	fs.BoolVar(&o.Version, "version", o.Version, "show the version")
	return fs
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
	return NamesFile(f) || value == "ADDR" || value == "HOST"
}

// optionError words pflag's errors as this program does.
func optionError(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	for _, f := range CommandFlags {
		if f.Name == bad.GetFlag().Name && f.Want != "" {
			return fmt.Errorf("--%s %q: expected %s", f.Name, bad.GetValue(), f.Want)
		}
	}
	switch bad.GetFlag().Name {
	case "timeout":
		return fmt.Errorf("--timeout %q: expected a time such as 5s or 1m", bad.GetValue())
	case "parallel":
		_, err := ParseParallel(bad.GetValue())
		return fmt.Errorf("--parallel %w", err)
	case "keep":
		return fmt.Errorf("--keep %q: expected a time such as 12h or 7d, or 0 for no copies", bad.GetValue())
	case "keep-size":
		return fmt.Errorf("--keep-size %q: expected a number of bytes such as 500m or 2g", bad.GetValue())
	case "expect":
		return fmt.Errorf("--expect %q: expected a number of envelopes", bad.GetValue())
	case "window":
		return fmt.Errorf("--window %q: expected a number", bad.GetValue())
	}
	return err
}

func validateOptions(o *command.Options) error {
	if !slices.Contains(command.ColorModes, o.Color) {
		return command.Usagef("--color %q: expected %s", o.Color, render.AnyOf(command.ColorModes))
	}
	if !slices.Contains(command.Formats, o.Output) {
		return command.Usagef("--output %q: expected %s", o.Output, render.AnyOf(command.Formats))
	}
	if o.Count < 0 {
		return command.Usagef("--count %d: expected a number of lines", o.Count)
	}
	if o.Timeout <= 0 {
		return command.Usagef("--timeout %v: expected more than zero", o.Timeout)
	}
	if o.Window < 0 || o.Window > protocol.MaxWindow {
		return command.Usagef("--window %d: expected 1 to %d, or 0 to adapt", o.Window, protocol.MaxWindow)
	}
	return nil
}
