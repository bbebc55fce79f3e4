package grammar

import "strings"

// A TokenKind says what a token of a line is.
type TokenKind uint8

// The kinds of tokens.
const (
	TokenWord     TokenKind = iota
	TokenEnd                // ; which ends a command; & too in what is for sh
	TokenPipe               // | after which all is for sh
	TokenRedirect           // > before the name of a file
	TokenAppend             // >> likewise
	TokenComment            // # and all after it
)

// A Token is a part of a line. Between tokens there are only blanks.
type Token struct {
	Kind       TokenKind
	Start, End int // where it stands, in bytes of the line
	// Text is the meaning of a word, without its quotes and backslashes. For other
	// tokens, it is the text of the line.
	Text string
	// Quoted says that a word has quotes or backslashes.
	Quoted bool
	// Open is the quote that is open at the end of a word: ' or ", ` or, for $( without
	// its parenthesis, (. It is 0 if there is none.
	Open byte
	// Escape says that a word ends in a backslash without a character after it.
	Escape bool
	// Misplaced is an unquoted character of a word that has a meaning in sh but not
	// here, in a place where it is hardly meant literally: one of < & ( ) or, in front
	// of >, a digit. It is 0 if there is none.
	Misplaced byte
	// Shell says that the token stands after a | and belongs to sh.
	Shell bool
}

// Scan splits a line into tokens. Only Scan defines how a line is quoted, which is as
// in sh: '…' quotes everything, "…" everything except a backslash in front of one of $
// ` " and \, and a backslash outside quotes takes the special meaning from the next
// character. A # at the start of a word begins a comment. Nothing is substituted: $,
// `…` and $(…) stand for themselves. Any line can be scanned, also an incomplete one.
func Scan(line string) []Token {
	var tokens []Token
	shell := false
	for at := 0; at < len(line); {
		if isBlank(line[at]) {
			at++
			continue
		}
		t := Token{Start: at, End: at + 1, Shell: shell}
		switch c := line[at]; {
		case c == ';', c == '&' && shell:
			t.Kind = TokenEnd
		case c == '|':
			t.Kind, shell = TokenPipe, true
		case strings.HasPrefix(line[at:], ">>"):
			t.Kind, t.End = TokenAppend, at+2
		case c == '>':
			t.Kind = TokenRedirect
		case c == '#':
			t.Kind, t.End = TokenComment, len(line)
		default:
			t.word(line)
		}
		if t.Kind != TokenWord {
			t.Text = line[t.Start:t.End]
		}
		tokens = append(tokens, t)
		at = t.End
	}
	return tokens
}

// word scans the word that begins at the start of the token.
func (t *Token) word(line string) {
	var text []byte // what the word stands for, up to from
	from, at := t.Start, t.Start
	dollar := false // an unquoted $ is in front of at
	// drop leaves a character out of the text.
	drop := func() {
		text, from = append(text, line[from:at]...), at+1
		t.Quoted = true
	}
	for ; at < len(line) && (t.Open != 0 || !t.ends(line[at])); at++ {
		c, before := line[at], dollar
		dollar = t.Open == 0 && c == '$'
		switch {
		case c == '\\' && escapes(t.Open, line[at+1:]):
			if t.Open != '`' && t.Open != '(' {
				drop()
			}
			at++ // past what it escapes
			t.Escape = at == len(line)
		case t.Open != 0 && c == closing(t.Open):
			if t.InQuotes() {
				drop()
			}
			t.Open = 0
		case t.Open != 0:
			if c == '(' && t.Open == '(' {
				t.misplaced(c) // $( is not nested
			}
		case c == '\'' || c == '"':
			drop()
			t.Open = c
		case c == '`', c == '(' && before:
			t.Open = c
		case strings.IndexByte("<&()", c) >= 0:
			t.misplaced(c)
		}
	}
	t.End = min(at, len(line))
	if t.Text = line[from:t.End]; t.Quoted {
		t.Text = string(append(text, t.Text...))
	}
	if strings.HasPrefix(line[t.End:], ">") && !t.Quoted && isNumber(t.Text) {
		t.misplaced(t.Text[0]) // it would be the number of a file in sh
	}
}

// misplaced records a character that has a meaning in sh only.
func (t *Token) misplaced(c byte) {
	if !t.Shell && t.Misplaced == 0 {
		t.Misplaced = c
	}
}

// closing returns what closes a quote.
func closing(quote byte) byte {
	if quote == '(' {
		return ')'
	}
	return quote
}

// InQuotes reports whether a quote is open at the end of a word, so that what is typed
// there stands for itself.
func (t *Token) InQuotes() bool { return t.Open == '\'' || t.Open == '"' }

// ends reports whether an unquoted character ends the word.
func (t *Token) ends(c byte) bool {
	return isBlank(c) || c == ';' || c == '|' || c == '>' || c == '&' && t.Shell
}

// escapes reports whether a backslash in front of rest takes the special meaning from
// its first character, within such a quote or none.
func escapes(quote byte, rest string) bool {
	switch {
	case quote == '\'':
		return false
	case quote == '"' && rest != "":
		return strings.IndexByte("$`\"\\\n", rest[0]) >= 0
	}
	return true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isNumber(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}
