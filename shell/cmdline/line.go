package cmdline

import (
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// A LineCommand is one command of a line.
type LineCommand struct {
	Words  []string        // as they were typed, without their quotes
	Tokens []grammar.Token // where these stand in the line, one for each
	Full   []string        // the words, names among them replaced
	Args   *Args           // these, told apart; only a Parser does that
	Pipe   string          // what follows an unquoted |, for sh
	File   string          // what follows an unquoted > or >>
	Append bool            // it was >>
}

// Redirected reports whether the output goes to a program or file.
func (c *LineCommand) Redirected() bool { return c.Pipe != "" || c.File != "" }

// A Line is a line that has been parsed: what evaluates it, keeps it in the history,
// checks it or helps with it shares the one value.
type Line struct {
	Text     string
	Tokens   []grammar.Token
	Commands []LineCommand
	Err      error // why it cannot be cut into commands; there are none then
	Expanded bool  // names in it have been replaced
}

// Parse parses a line, and the words of its commands.
func (p *Parser) Parse(text string) Line {
	l := Parse(text)
	for i := range l.Commands {
		c, changed := &l.Commands[i], false
		c.Full, changed = p.expand(c.Words)
		c.Args = p.Args(c.Full)
		l.Expanded = l.Expanded || changed
	}
	return l
}

// Place parses the part of a line in front of the cursor.
func (p *Parser) Place(text string) grammar.Place {
	place := grammar.Cursor(text)
	place.Words = place.Before
	if place.Comment || place.Word.After != 0 {
		return place
	}
	words, _ := p.expand(place.Before)
	before, n := p.Args(words), len(words)
	place.Words, place.Ended, place.Own = before.Words, before.Ended, before.Own
	place.Every = before.next
	for _, g := range before.Given {
		if g.Value != "false" {
			place.Given = append(place.Given, g.Name)
		}
	}
	with := p.Args(append(words[:n:n], place.Word.Text))
	switch place.Err = before.Err; with.Roles[n] {
	case RoleValue:
		place.Flag, place.Err = with.valued, nil
	case RoleExact:
		place.Exact = true
	}
	return place
}

// Parse cuts a line into commands: its commands are split by unquoted semicolons, of which blank ones
// are dropped. After an unquoted | all the rest of the line is for sh; after > or >>
// comes the name of a file.
func Parse(text string) Line {
	l := Line{Text: text, Tokens: grammar.Scan(text)}
	if strings.IndexByte(text, 0) >= 0 {
		l.Err = command.Usagef("the line holds a NUL")
		return l
	}
	rest := l.Tokens
	for len(rest) > 0 && l.Err == nil {
		var c LineCommand
		if c, rest, l.Err = l.command(rest); len(c.Words) > 0 {
			l.Commands = append(l.Commands, c)
		}
	}
	if l.Err != nil {
		l.Commands = nil
	}
	return l
}

// Words returns the words of the line, as they were typed and with names replaced, as
// far as they can be told: of a line with an error, all that stands between blanks, semicolons and pipes.
func (l *Line) Words() [][]string {
	if l.Err != nil {
		var all []string
		for _, t := range l.Tokens {
			if t.Kind != grammar.TokenEnd && t.Kind != grammar.TokenPipe {
				all = append(all, strings.FieldsFunc(t.Text, func(r rune) bool { return strings.ContainsRune(" \t;|", r) })...)
			}
		}
		return [][]string{all}
	}
	var all [][]string
	for _, c := range l.Commands {
		all = append(all, slices.Concat(c.Words, strings.Fields(c.Pipe)))
		if l.Expanded {
			all = append(all, c.Full)
		}
	}
	return all
}

// command parses the first command of some tokens, and returns those after it.
func (l *Line) command(tokens []grammar.Token) (c LineCommand, rest []grammar.Token, err error) {
	c.Tokens, rest, err = words(tokens)
	if err != nil {
		return c, nil, err
	}
	for _, t := range c.Tokens {
		c.Words = append(c.Words, t.Text)
	}
	if len(rest) == 0 || rest[0].Kind == grammar.TokenComment {
		return c, nil, nil
	}
	operator := rest[0]
	rest = rest[1:]
	switch operator.Kind {
	case grammar.TokenPipe:
		if c.Pipe = l.program(operator.End, rest); c.Pipe == "" {
			return c, nil, command.Usagef("expected a command after |")
		}
		rest = nil
	case grammar.TokenRedirect, grammar.TokenAppend:
		var file []grammar.Token
		if file, rest, err = words(rest); err != nil {
			return c, nil, err
		}
		ended := len(rest) == 0 || rest[0].Kind == grammar.TokenEnd || rest[0].Kind == grammar.TokenComment
		switch {
		case len(file) != 1 || !ended:
			return c, nil, command.Usagef("expected the name of one file after >")
		case file[0].Text == "":
			return c, nil, command.Usagef("> \"\": the name is empty, expected that of a file")
		}
		c.File, c.Append = file[0].Text, operator.Kind == grammar.TokenAppend
	}
	if len(c.Words) == 0 && c.Redirected() {
		return c, nil, command.Usagef("expected a command before | and >")
	}
	return c, rest, nil
}

// program returns the command for sh that begins at a byte of the line, where these are
// its tokens; nothing if there is none.
func (l *Line) program(start int, tokens []grammar.Token) string {
	end := len(l.Text)
	if n := len(tokens); n > 0 && tokens[n-1].Kind == grammar.TokenComment {
		end = tokens[n-1].Start
	}
	text := strings.TrimSpace(l.Text[start:end])
	if strings.HasPrefix(text, "|") {
		return ""
	}
	return text
}

// words returns the words that some tokens begin with, and the tokens after them.
func words(tokens []grammar.Token) (words, rest []grammar.Token, err error) {
	for i, t := range tokens {
		switch {
		case t.Kind != grammar.TokenWord:
			return tokens[:i:i], tokens[i:], nil
		case t.Misplaced == '(' || t.Misplaced == ')' || t.Misplaced == 0 && (t.Open != 0 || t.Escape):
			return nil, nil, command.Usagef("a quote, backquote or parenthesis is open or misplaced: quote what is meant literally")
		case t.Misplaced != 0:
			return nil, nil, command.Usagef("unquoted %q: quote it if it is meant literally", t.Misplaced)
		}
	}
	return tokens, nil, nil
}
