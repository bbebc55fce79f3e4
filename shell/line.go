package shell

import (
	"strings"

	"github.com/mattn/go-shellwords"
)

// splitLine cuts a line into commands, split by unquoted semicolons, and each
// into words, quoted as in sh: '…', "…" and backslash. An unquoted # at the
// start of a word begins a comment. Blank commands are dropped.
func splitLine(line string) ([][]string, error) {
	if strings.IndexByte(line, 0) >= 0 {
		return nil, usagef("the line holds a NUL")
	}
	rest := []rune(stripComment(line))
	var commands [][]string
	for len(rest) > 0 {
		p := shellwords.NewParser()
		p.ParseEnv, p.ParseBacktick, p.ParseComment = false, false, false
		words, err := p.Parse(string(rest))
		if err != nil {
			return nil, usagef("a quote, backquote or parenthesis is open or misplaced: quote what is meant literally")
		}
		if len(words) > 0 {
			commands = append(commands, words)
		}
		if p.Position < 0 || p.Position >= len(rest) {
			break
		}
		if c := rest[p.Position]; c != ';' {
			return nil, usagef("unquoted %q: quote it if it is meant literally", c)
		}
		rest = rest[p.Position+1:]
	}
	return commands, nil
}

// stripComment cuts a line at the # that begins a comment, if it has one.
func stripComment(line string) string {
	var quote rune
	escaped, start := false, true
	for i, r := range line {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == '#' && start:
			return line[:i]
		}
		start = quote == 0 && !escaped && (r == ' ' || r == '\t' || r == ';')
	}
	return line
}
