package grammar

import "strings"

// Quotes follows the quoting of a line, rune by rune, as in sh: '…' takes all
// literally, "…" all but a backslash, and a backslash the rune after it. The
// zero value stands at the beginning of a line.
type Quotes struct {
	quote   rune
	escaped bool
}

// Step moves past r and reports whether r is unquoted, so that it means what it
// means in the grammar of lines, and is itself no quote or backslash.
func (q *Quotes) Step(r rune) bool {
	plain, _ := q.step(r)
	return plain
}

// step is Step, and also reports whether r is part of a word: no quote, and no
// backslash that takes the meaning from the rune after it.
func (q *Quotes) step(r rune) (plain, text bool) {
	switch {
	case q.escaped:
		q.escaped = false
		return false, true
	case r == '\\' && q.quote != '\'':
		q.escaped = true
		return false, false
	case q.quote != 0:
		if r == q.quote {
			q.quote = 0
			return false, false
		}
		return false, true
	case r == '\'' || r == '"':
		q.quote = r
		return false, false
	}
	return true, true
}

// Open reports whether a quote is open.
func (q *Quotes) Open() bool { return q.quote != 0 }

// isPlain reports whether a rune means itself, unquoted, in a line of this program
// and in bash, zsh and fish.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r) || r >= 0x80
}

// Quote returns a word as it is typed: as it is if every rune means itself, else
// in single quotes. The key of a term, up to its =, stays in front of the quotes.
func Quote(word string) string {
	if word == "" {
		return "''"
	}
	if !strings.ContainsFunc(word, func(r rune) bool { return !isPlain(r) }) {
		return word
	}
	key := 0
	if i := strings.IndexByte(word, '='); i > 0 && !strings.ContainsFunc(word[:i], func(r rune) bool { return !isPlain(r) }) {
		key = i + 1
	}
	return word[:key] + "'" + strings.ReplaceAll(word[key:], "'", `'\''`) + "'"
}

// A Word is the word in front of the cursor, as far as it is typed.
type Word struct {
	Start int    // where it begins, in bytes of the line
	Raw   string // as it is typed, with its quotes
	Text  string // what it stands for
	// After is | for a word of a command for sh, > for the name of a file, else 0.
	After rune
	quote rune // that is open at its end
	// escaped says that a backslash ends it.
	escaped bool
}

// Quoted reports whether the word has quotes or backslashes.
func (w *Word) Quoted() bool { return w.Raw != w.Text }

// Open reports whether a quote is open at the end of the word.
func (w *Word) Open() bool { return w.quote != 0 }

// Finish returns how the whole word is typed that stands for text, going on with
// what is there, and with the quote that is open, if text begins with it. Unless
// open is set, because more of the word is to follow, its last quote is closed.
func (w *Word) Finish(text string, open bool) string {
	rest, goesOn := strings.CutPrefix(text, w.Text)
	if !w.Quoted() || !goesOn || w.escaped {
		whole := Quote(text)
		if open && text != "" {
			whole = strings.TrimSuffix(whole, "'")
		}
		return whole
	}
	switch w.quote {
	case 0:
		if rest == "" {
			return w.Raw
		}
		return w.Raw + Quote(rest)
	case '\'':
		rest = strings.ReplaceAll(rest, "'", `'\''`)
	default:
		rest = inDouble(rest)
	}
	if open {
		return w.Raw + rest
	}
	return w.Raw + rest + string(w.quote)
}

// inDouble returns text for the inside of double quotes. Runes that have a meaning
// there, in any of the shells, leave them for single quotes.
func inDouble(text string) string {
	var b strings.Builder
	single := false
	for _, r := range text {
		special := strings.ContainsRune("\"\\$`!", r)
		if special != single {
			if special {
				b.WriteString(`"'`)
			} else {
				b.WriteString(`'"`)
			}
			single = special
		}
		b.WriteRune(r)
	}
	if single {
		b.WriteString(`'"`)
	}
	return b.String()
}

// Cursor cuts the part of a line in front of the cursor into the whole words of
// its last command, and the word that is being typed. After | and > these are the
// words of the command for sh, and the names of files. It is not ok in a comment.
func Cursor(text string) (words []string, last Word, ok bool) {
	var q Quotes
	var word strings.Builder
	inWord := false
	start := 0
	after, piped := rune(0), false
	for i, r := range text {
		plain, part := q.step(r)
		switch {
		case plain && ends(r, piped):
			words, inWord = nil, false
			word.Reset()
			piped = piped || r == '|'
			after = follows(r, piped)
			continue
		case plain && (r == ' ' || r == '\t'):
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
			continue
		case plain && r == '#' && !inWord:
			return nil, Word{}, false
		case !inWord:
			inWord, start = true, i
		}
		if part {
			word.WriteRune(r)
		}
	}
	if !inWord {
		start = len(text)
	}
	return words, Word{Start: start, Raw: text[start:], Text: word.String(), After: after, quote: q.quote, escaped: q.escaped}, true
}

// ends reports whether an unquoted rune ends a command, of this program or of sh.
func ends(r rune, piped bool) bool {
	return r == ';' || r == '|' || r == '>' || piped && r == '&'
}

// follows returns what comes after such a rune: all after a | is for sh.
func follows(r rune, piped bool) rune {
	switch {
	case r == '>':
		return '>'
	case piped:
		return '|'
	}
	return 0
}
