package cmdline

import (
	"fmt"
	"strings"

	"smtpctl/completer/grammar"
)

// OneLine makes one line of the lines of a text: those that go on are joined, comments
// and blank lines left out, and the rest is split by semicolons. Errors name the line of
// the text that cannot be part of one.
func OneLine(text string) (string, error) {
	var out []string
	whole, begun := "", 0
	shell := 0 // the line that has a program for sh
	for i, line := range strings.Split(strings.TrimRight(text, " \t\r\n"), "\n") {
		line = strings.TrimRight(line, "\r")
		if whole == "" {
			whole, begun = line, i+1
		} else {
			whole = Join(whole, line)
		}
		why := Unfinished(whole)
		if why == GoesOn {
			continue
		}
		if why == QuoteOpen {
			return "", fmt.Errorf("line %d: a quote is open at its end: close it, a line at the prompt holds no line ends", i+1)
		}
		tokens := grammar.Scan(whole)
		if n := len(tokens); n > 0 && tokens[n-1].Kind == grammar.TokenComment {
			whole, tokens = whole[:tokens[n-1].Start], tokens[:n-1]
		}
		if len(tokens) > 0 {
			if shell > 0 {
				return "", fmt.Errorf("line %d: line %d has a |, after which all is for sh: make it the last", begun, shell)
			}
			out = append(out, strings.TrimSpace(whole))
			if tokens[len(tokens)-1].Shell || tokens[len(tokens)-1].Kind == grammar.TokenPipe {
				shell = begun
			}
		}
		whole = ""
	}
	if whole != "" {
		return "", fmt.Errorf("line %d: it ends with a backslash, and nothing follows", begun)
	}
	return strings.Join(out, "; "), nil
}
