package grammar

import "strings"

// isPlain reports whether a rune stands for itself without quotes, in a line of this
// program and in bash, zsh and fish.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r) || r >= 0x80
}

// Quote returns a word as it is typed: unchanged if every rune stands for itself,
// otherwise in single quotes. The key of a term, up to its =, stays outside the quotes.
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

// Finish returns the whole word for text as it is typed. If text begins with what has
// been typed, Finish continues that and its open quote. It closes the last quote unless
// open is set because more of the word follows.
func (w *Word) Finish(text string, open bool) string {
	rest, goesOn := strings.CutPrefix(text, w.Text)
	if !w.Quoted || !goesOn || w.Escape || w.Open != 0 && !w.InQuotes() {
		whole := Quote(text)
		if open && text != "" {
			whole = strings.TrimSuffix(whole, "'")
		}
		return whole
	}
	switch w.Open {
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
	return w.Raw + rest + string(rune(w.Open))
}

// inDouble returns text for the inside of double quotes. Runes that have a meaning
// there in any of the shells are put into single quotes.
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
