package shell

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-shellwords"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
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

func runCompletion(_ context.Context, c *Call) error {
	_, err := fmt.Fprint(c.out(), c.args[0].Value.(string))
	return err
}

// runComplete prints what can stand at the end of a line of another shell, whose
// first word is the name of this program: one a line, with a tab and what it is.
func runComplete(_ context.Context, c *Call) error {
	line := c.text(0)
	shell := ""
	if len(c.args) > 1 {
		shell = c.text(1)
	}
	_, line, ok := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	if !ok {
		return nil
	}
	// Options before the cursor, such as --socket, count.
	words, _ := shellwords.Parse(line)
	var inv invocation
	if opts, _, err := parseOptions(words, c.s.opts, &inv, c.s.literal); err == nil {
		c.s.opts = opts
	}
	l := newLive(c.s, func() {})
	l.wait = completeWait
	comp := &completer.Completer{Tree: c.s.tree, Source: l, Options: c.s.flagOptions(&inv)}
	for _, s := range comp.Complete(line, len(line)) {
		text := s.Text
		if shell == "fish" { // it does the quoting
			if plain, err := shellwords.Parse(text); err == nil && len(plain) == 1 {
				text = plain[0]
			}
		}
		if text != render.Safe(text) {
			continue
		}
		fmt.Fprintf(c.out(), "%s\t%s\n", text, render.Safe(s.Description))
	}
	return nil
}
