package cmdline

import (
	"strings"

	"github.com/mattn/go-shellwords"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// A LineCommand is one command of a line.
type LineCommand struct {
	Words []string
	Pipe  string // what follows an unquoted |, for sh
	File  string // what follows an unquoted > or >>
	More  bool   // it was >>: append
}

// Redirected reports whether the output goes to a program or file.
func (c *LineCommand) Redirected() bool { return c.Pipe != "" || c.File != "" }

// A Line is a line that has been parsed: what evaluates it, keeps it in the history,
// checks it or helps with it shares the one value.
type Line struct {
	Text     string
	Commands []LineCommand
	Err      error // why it cannot be cut into commands; there are none then
}

// Parse parses a line.
func Parse(text string) Line {
	commands, err := splitLine(text)
	if err != nil {
		commands = nil
	}
	return Line{text, commands, err}
}

// Words returns the words of the line, as far as they can be told: of a line with an
// open quote, what stands between blanks, semicolons and pipes.
func (l *Line) Words() [][]string {
	if l.Err != nil {
		return [][]string{strings.FieldsFunc(l.Text, func(r rune) bool { return strings.ContainsRune(" \t;|", r) })}
	}
	var all [][]string
	for _, c := range l.Commands {
		all = append(all, append(c.Words[:len(c.Words):len(c.Words)], strings.Fields(c.Pipe)...))
	}
	return all
}

// splitLine cuts a line into commands, split by unquoted semicolons, and each
// into words, quoted as in sh: '…', "…" and backslash. An unquoted # at the
// start of a word begins a comment. Blank commands are dropped. After an
// unquoted | all the rest of the line is for sh; after > or >> comes the name
// of a file.
func splitLine(line string) ([]LineCommand, error) {
	if strings.IndexByte(line, 0) >= 0 {
		return nil, command.Usagef("the line holds a NUL")
	}
	rest := []rune(stripComment(line))
	var commands []LineCommand
	for len(rest) > 0 {
		words, end, err := splitWords(rest)
		if err != nil {
			return nil, err
		}
		c := LineCommand{Words: words}
		sep := ';'
		if end < len(rest) {
			sep = rest[end]
			rest = rest[end+1:]
		} else {
			rest = nil
		}
		switch sep {
		case ';':
		case '|':
			c.Pipe, rest = strings.TrimSpace(string(rest)), nil
			if c.Pipe == "" || c.Pipe[0] == '|' {
				return nil, command.Usagef("| wants a command after it")
			}
		case '>':
			if len(rest) > 0 && rest[0] == '>' {
				c.More, rest = true, rest[1:]
			}
			file, end, err := splitWords(rest)
			if err != nil {
				return nil, err
			}
			if len(file) != 1 || end < len(rest) && rest[end] != ';' {
				return nil, command.Usagef("> wants the name of one file after it")
			}
			if file[0] == "" {
				return nil, command.Usagef("> \"\": the name is empty, want that of a file")
			}
			c.File = file[0]
			rest = rest[min(end+1, len(rest)):]
		default:
			return nil, command.Usagef("unquoted %q: quote it if it is meant literally", sep)
		}
		if len(words) == 0 && c.Redirected() {
			return nil, command.Usagef("| and > want a command before them")
		}
		if len(words) > 0 {
			commands = append(commands, c)
		}
	}
	return commands, nil
}

// splitWords cuts words off the start of text, up to its end or a separator,
// whose index it returns.
func splitWords(text []rune) (words []string, end int, err error) {
	p := shellwords.NewParser()
	p.ParseEnv, p.ParseBacktick, p.ParseComment = false, false, false
	words, err = p.Parse(string(text))
	if err != nil {
		return nil, 0, command.Usagef("a quote, backquote or parenthesis is open or misplaced: quote what is meant literally")
	}
	if p.Position < 0 || p.Position >= len(text) {
		return words, len(text), nil
	}
	return words, p.Position, nil
}

// stripComment cuts a line at the # that begins a comment, if it has one.
func stripComment(line string) string {
	var q grammar.Quotes
	start := true
	for i, r := range line {
		plain := q.Step(r)
		if plain && r == '#' && start {
			return line[:i]
		}
		start = plain && (r == ' ' || r == '\t' || r == ';')
	}
	return line
}
