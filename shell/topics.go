package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// keysHelp says what the keys do at the prompt.
var keysHelp = [][2]string{
	{"Tab, Shift-Tab", "go through the menu; what is alone in it is taken at once"},
	{"Down, Up", "go into the menu; without a menu, through the history"},
	{"Enter", "take the suggestion; without one, run the line"},
	{"Escape", "close the menu, taking nothing"},
	{"?", "what can come next; after domain= and the like, about that term; within a value, itself"},
	{"Ctrl-R", "search the history; Ctrl-R again goes on, Enter takes the line, Escape leaves"},
	{"Ctrl-A, Ctrl-E", "go to the beginning or the end of the line"},
	{"Alt-B, Alt-F", "go back or on by a word"},
	{"Ctrl-W, Ctrl-U, Ctrl-K", "delete the word before, all before, all after"},
	{"Ctrl-C", "end the command that runs, or drop the line"},
	{"Ctrl-Z", "suspend the program"},
	{"Ctrl-L", "clear the screen"},
	{"Ctrl-D", "on an empty line, leave"},
}

// keysNote is what is worth knowing about lines.
const keysNote = `A line may hold commands split by ; and ends with a comment after #.
COMMAND | PROGRAM gives the output to a program, COMMAND > FILE writes it to a file.
A line that begins with a space is not kept in the history.
smtpctl, $ or a prompt in front of a pasted line is left out.
`

func runHelpKeys(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, k := range keysHelp {
			fmt.Fprintf(tw, "  %s\t%s\n", k[0], k[1])
		}
		tw.Flush()
		_, err := io.WriteString(w, keysNote)
		return err
	})
}

func runHelpTerms(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n\"help TERM\" has examples of a term, such as help domain.\n", queue.SelectorHelp())
		return err
	})
}

func runHelpOptions(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		listFlags(w, allFlags())
		return nil
	})
}

// wrapped lets a function write prose, which is wrapped at words where it goes to a
// terminal.
func wrapped(c *command.Call, write func(w io.Writer) error) error {
	cols := 0
	if c.Out.Tty {
		cols, _ = c.Screen()
	}
	return wrapTo(c.Out, cols, write)
}

// wrapTo is wrapped for a terminal of so many columns, 0 for none.
func wrapTo(out io.Writer, cols int, write func(w io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	_, err := io.WriteString(out, render.Wrap(b.String(), cols))
	return err
}

// termNamed returns the field of a term of which a word is the name or the beginning up
// to the operator, nil if it is none.
func termNamed(word string) *selector.Field {
	name, _, value, ok := selector.Split(word)
	if !ok {
		name = word
	}
	if value != "" {
		return nil
	}
	name, _, _ = strings.Cut(name, ":")
	return selector.Find(selector.Terms(), name)
}

// asksAbout reports whether a question mark, typed where a line ends so far, asks for
// help and is no character of a word: it is none of a value, of a comment, of a password
// and of what is meant for sh. again says that help was given there just now.
func (s *Session) asksAbout(before, after string, again bool) bool {
	words, last, ok := grammar.Cursor(before)
	if !ok || last.After != 0 || after != "" && after[0] != ' ' {
		return false
	}
	if len(words) > 0 && last.Text != "" {
		if _, verbatim := s.verbatimFlags(words[0]); verbatim {
			return false
		}
	}
	_, _, value, term := selector.Split(last.Text)
	return !term || value == "" && !again
}

// printTerm prints what is to know about the term that is being typed at the end of a
// line, and reports whether there is one.
func (s *Session) printTerm(w io.Writer, line string) bool {
	words, last, ok := grammar.Cursor(line)
	if !ok {
		return false
	}
	if _, _, value, term := selector.Split(last.Text); !term || value != "" {
		return false
	}
	_, rest, err := cmdline.ParseOptions(words, s.opts, nil, s.verbatimFlags)
	if err != nil {
		return false
	}
	f := termNamed(last.Text)
	can, err := s.tree.Next(s.tree.Inner(rest))
	if err != nil || f == nil {
		return false
	}
	for _, c := range can.Next {
		if c.Kind != nil && c.Kind.Terms {
			io.WriteString(w, f.Explain())
			return true
		}
	}
	return false
}
