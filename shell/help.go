package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/pflag"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
)

const usageText = `usage: smtpctl [option ...] command [argument ...]
       smtpctl [option ...] [-f file]
       mailq

Without a command, smtpctl reads commands: at a prompt if standard input is a
terminal, else as a script. Words may be shortened as long as they stay
unambiguous: "smtpctl sh ro" is "smtpctl show routes".
`

func runHelp(_ context.Context, c *command.Call) error {
	var words []string
	for _, a := range c.Args {
		words = append(words, a.Text)
	}
	return wrapped(c, func(w io.Writer) error { return c.Host.(*Session).printHelp(w, words) })
}

// printHelp prints the help of the commands that begin with words, or an overview if
// there are no words.
func (s *Session) printHelp(w io.Writer, words []string) error {
	if len(words) == 0 {
		fmt.Fprint(w, usageText)
		s.printOverview(w)
		printFlags(w)
		return nil
	}
	path, err := s.helpPath(words)
	if err != nil && len(words) == 1 && explained(w, termNamed(words[0]), s.settingNamed(strings.TrimSuffix(words[0], "="))) {
		return nil
	}
	if err != nil {
		return &command.UsageError{Err: err}
	}
	for _, c := range s.table {
		if c.Pattern == path || strings.HasPrefix(c.Pattern, path+" ") {
			fmt.Fprintf(w, "%s\n    %s\n", c.Pattern, c.Summary)
			help := c.LongHelp()
			if k := s.tree.Rest(c.Pattern); k != nil && k.Help != nil {
				help = strings.TrimPrefix(help+"\n"+k.Help(), "\n")
			}
			if help != "" {
				fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(prose(w, help), "\n", "\n    "))
			}
		}
	}
	if own := flagsOf(path); len(own) > 0 {
		fmt.Fprintln(w, "options:")
		listFlags(w, own)
	}
	return nil
}

// flagsOf returns the flags of the commands that begin with a path.
func flagsOf(path string) []*pflag.Flag {
	var own []*pflag.Flag
	opts := command.DefaultOptions()
	fs := cmdline.FlagSet(&opts, nil)
	for _, f := range cmdline.CommandFlags {
		if f.Of(strings.Fields(path)) || strings.HasPrefix(f.Command, path+" ") {
			own = append(own, fs.Lookup(f.Name))
		}
	}
	return own
}

// allFlags returns all flags.
func allFlags() []*pflag.Flag {
	var all []*pflag.Flag
	opts := command.DefaultOptions()
	cmdline.FlagSet(&opts, &cmdline.Invocation{}).VisitAll(func(f *pflag.Flag) { all = append(all, f) })
	return all
}

// flagDoc returns the name of a flag's value, or "" for a switch, and the help of the
// flag.
func flagDoc(f *pflag.Flag) (value, doc string) {
	value, doc = pflag.UnquoteUsage(f)
	switch f.Name {
	case "demo":
		value = "[=" + value + "]"
	case "socket", "spool", "timeout":
		doc += " (" + f.DefValue + ")"
	}
	return value, doc
}

// Documented returns what the manual and the tables of the README are made of: the
// commands, the kinds of their arguments, the flags with the values that they take and
// what they do, and what the commands of the session print as JSON.
func Documented() (commands []*command.Command, kinds []*grammar.Kind, flags []*pflag.Flag, doc func(*pflag.Flag) (value, text string), shapes map[string]any) {
	return commandTable(), allKinds(), allFlags(), flagDoc, map[string]any{"connect, disconnect": fleet.ConnectedJSON{}, "show servers": fleet.ServerJSON{}}
}

// printFlags lists the flags.
func printFlags(w io.Writer) {
	fmt.Fprintf(w, "\nOptions, before or after the command:\n")
	listFlags(w, allFlags())
}

// listFlags lists some flags.
func listFlags(w io.Writer, flags []*pflag.Flag) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range flags {
		text := "    --" + f.Name
		if f.Shorthand != "" {
			text = "-" + f.Shorthand + ", --" + f.Name
		}
		value, doc := flagDoc(f)
		if value != "" && value[0] != '[' {
			text += " "
		}
		text += value
		fmt.Fprintf(tw, "  %s\t%s\n", text, doc)
	}
	tw.Flush()
}

// helpPath expands the words of a help request to the beginning of a pattern. It stops
// at the first argument.
func (s *Session) helpPath(words []string) (string, error) {
	var path []string
	for i := range words {
		m, err := s.tree.Resolve(words[:i+1])
		var incomplete *grammar.IncompleteError
		switch {
		case errors.As(err, &incomplete):
			path = incomplete.Path
		case err != nil && len(path) == 0:
			return "", err
		case err != nil:
			return strings.Join(path, " "), nil
		case len(m.Args) > 0:
			return strings.Join(path, " "), nil
		default:
			path = m.Path
		}
	}
	return strings.Join(path, " "), nil
}

func (s *Session) printOverview(w io.Writer) {
	for _, g := range command.Groups {
		fmt.Fprintf(w, "\n%s:\n", g)
		tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, c := range s.table {
			if c.Group == g && !c.Hidden() {
				fmt.Fprintf(tw, "  %s\t%s\n", c.Pattern, c.Summary)
			}
		}
		tw.Flush()
	}
}

// everyText is what help and the menu say of the flag with which watch is told how often.
const everyText = "how often to repeat it, in seconds: watch -n 5 show queue"

// flagNamed returns the flag of a name with its dashes, nil if there is none.
func flagNamed(name string) *pflag.Flag {
	opts := command.DefaultOptions()
	flags := cmdline.FlagSet(&opts, nil)
	if short, ok := strings.CutPrefix(name, "-"); ok && len(short) == 1 && short != "-" {
		return flags.ShorthandLookup(short)
	}
	return flags.Lookup(strings.TrimPrefix(name, "--"))
}

// printNextIn prints what can come next at the end of a line.
func (s *Session) printNextIn(w io.Writer, p *cmdline.Parser, line string) error {
	if parsed := p.Parse(line); parsed.Err != nil {
		return parsed.Err
	}
	at := p.Place(line)
	return s.printNext(w, &at)
}

// printNext prints what can come next in a place.
func (s *Session) printNext(w io.Writer, at *grammar.Place) error {
	if at.Comment || at.Word.After != 0 || s.printWord(w, at) {
		return nil
	}
	c := s.completer(nil, nil)
	last := at.Word.Text
	var fits []grammar.Candidate
	if at.Flag != "" || at.Flags() && strings.HasPrefix(last, "-") {
		valued := at.Flag
		if name, _, whole := strings.Cut(last, "="); whole && valued == "" {
			valued = name
		}
		value, doc := "", ""
		if f := flagNamed(valued); f != nil {
			value, doc = flagDoc(f)
		}
		switch {
		case value != "":
			fits = append(fits, grammar.Candidate{Word: "<" + strings.Trim(value, "[=]") + ">", Summary: doc})
		case at.Flag != "":
			fits = append(fits, grammar.Candidate{Word: "<SECONDS>", Summary: everyText})
		}
		for _, found := range c.Complete(*at).List {
			fits = append(fits, grammar.Candidate{Word: found.Text, Summary: found.Description})
		}
		if len(fits) == 0 {
			return command.Usagef("no option begins with %q: \"help options\" lists them", last)
		}
		printCandidates(w, nil, fits)
		return nil
	}
	if at.Err != nil {
		return at.Err
	}
	can, err := c.Next(at)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	if at.Every != "" && last == "" {
		fits = append(fits, grammar.Candidate{Word: at.Every + " <SECONDS>", Summary: everyText})
	}
	for _, n := range can.Next {
		if n.Kind == nil && !strings.HasPrefix(n.Word, last) {
			continue
		}
		fits = append(fits, n)
		if n.Kind == nil {
			continue
		}
		for _, x := range s.settingsOf(n.Kind.Name, can.Path) {
			if x.Fits(can.Path) && strings.HasPrefix(x.Word(), last) {
				fits = append(fits, grammar.Candidate{Word: x.Word() + x.Want, Summary: x.Doc})
			}
		}
	}
	if x := s.columnsSetting(can.Path, "columns"); x != nil && !s.ownColumns(can.Path) && strings.HasPrefix(x.Word(), last) && x.Fits(can.Path) {
		fits = append(fits, grammar.Candidate{Word: x.Word() + x.Want, Summary: x.Doc})
	}
	if can.Whole && last == "" {
		fits = append(fits, grammar.Candidate{Word: "<enter>", Summary: "run the command"})
	}
	if len(fits) == 0 {
		return command.Usagef("nothing that can come here begins with %q: delete it and press ? again", last)
	}
	printCandidates(w, nil, fits)
	return nil
}
