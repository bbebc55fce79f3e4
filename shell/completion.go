package shell

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// completeWord is the command that the scripts of other shells call.
const completeWord = "__complete"

// completeWait is how long smtpd may take until a shell shows nothing.
const completeWait = 3 * time.Second

// The scripts that ask the program, by shell.
var (
	//go:embed completion/smtpctl.bash
	bashScript string
	//go:embed completion/smtpctl.zsh
	zshScript string
	//go:embed completion/smtpctl.fish
	fishScript string
)

// shells are the shells that can be completed in.
var shells = []struct{ name, script string }{
	{"bash", bashScript}, {"fish", fishScript}, {"zsh", zshScript},
}

func shellWords() []grammar.Candidate {
	var out []grammar.Candidate
	for _, s := range shells {
		out = append(out, grammar.Candidate{Word: s.name, Summary: "the script for " + s.name})
	}
	return out
}

func parseShell(word string) (any, error) {
	for _, s := range shells {
		if s.name == word {
			return s.script, nil
		}
	}
	return nil, errors.New("want bash, fish or zsh")
}

func runCompletion(_ context.Context, c *command.Call) error {
	_, err := fmt.Fprint(c.Out, c.Args[0].Value.(string))
	return err
}

// runComplete prints what can stand at the end of a line of another shell, whose
// first word is the name of this program: one a line, with a tab and what it is.
func runComplete(_ context.Context, c *command.Call) error {
	line := c.Text(0)
	shell := ""
	if len(c.Args) > 1 {
		shell = c.Text(1)
	}
	_, line, ok := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	if !ok {
		return nil
	}
	s := c.Host.(*Session)
	// Options before the cursor, such as --socket, count.
	words, _, _ := grammar.Cursor(line)
	var inv cmdline.Invocation
	if opts, _, err := cmdline.ParseOptions(words, s.opts, &inv, s.verbatimFlags); err == nil {
		s.opts = opts
	}
	l := s.live(func() {})
	l.Wait = completeWait
	completion := s.completer(l, &inv).Complete(line, len(line))
	word := completion.Word
	part := word.Raw
	if len(c.Args) > 2 {
		part = c.Text(2)
	}
	for _, found := range completion.List {
		text := shellText(found, word, part, shell)
		if text == "" || text != render.Safe(text) {
			continue
		}
		if _, err := fmt.Fprintf(c.Out, "%s\t%s\n", text, render.Safe(found.Description)); err != nil {
			return err
		}
	}
	return nil
}

// shellText returns what a shell is to put in the place of part, the end of the
// word that it replaces: bash replaces only what follows an @, a = or a : there, and
// bash and zsh only what follows the quote that is open, which they close. fish
// quotes by itself.
func shellText(s completer.Suggestion, word grammar.Word, part, shell string) string {
	if shell == "fish" {
		return s.Text
	}
	text := s.Typed
	if word.Open() {
		if !strings.HasPrefix(text, word.Raw) {
			return "" // the quote that is open cannot be taken back
		}
		if !s.Open {
			text = text[:len(text)-1]
		}
	}
	kept, ok := strings.CutSuffix(word.Raw, part)
	if !ok {
		return ""
	}
	if rest, ok := strings.CutPrefix(text, kept); ok {
		return rest
	}
	return ""
}
