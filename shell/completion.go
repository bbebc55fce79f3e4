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

// completeWait is how long smtpd may take for a completion in another shell.
const completeWait = 3 * time.Second

// The completion scripts by shell.
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
	return nil, errors.New("expected bash, fish or zsh")
}

func runCompletion(_ context.Context, c *command.Call) error {
	_, err := fmt.Fprint(c.Out, c.Args[0].Value.(string))
	return err
}

// runComplete prints what can stand at the end of a line of another shell, whose first
// word is the name of this program: one suggestion on each line, with a tab and its
// description.
func runComplete(_ context.Context, c *command.Call) error {
	line := c.Text(0)
	shell := ""
	if len(c.Args) > 1 {
		shell = c.Text(1)
	}
	tokens := grammar.Scan(line)
	if len(tokens) == 0 || tokens[0].End == len(line) {
		return nil
	}
	line = line[tokens[0].End:]
	s := c.Host.(*Session)
	// Options before the cursor, such as --socket, count.
	parser := s.parser()
	var inv cmdline.Invocation
	parser.Inv = &inv
	place := parser.Place(line)
	if args := parser.Args(place.Before); args.Err == nil {
		s.opts = args.Opts
	}
	l := s.live(func() {})
	l.Wait = completeWait
	completion := s.completer(l, &inv).Complete(place)
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

// shellText returns the text with which a shell replaces part, the end of the word:
// bash replaces only the text after an @, a = or a :, and bash and zsh only the text
// after an open quote, which they close. fish quotes by itself.
func shellText(s completer.Suggestion, word grammar.Word, part, shell string) string {
	if shell == "fish" {
		return s.Text
	}
	text := s.Typed
	if word.InQuotes() {
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
