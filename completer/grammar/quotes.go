package grammar

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
	switch {
	case q.escaped:
		q.escaped = false
	case r == '\\' && q.quote != '\'':
		q.escaped = true
	case q.quote != 0:
		if r == q.quote {
			q.quote = 0
		}
	case r == '\'' || r == '"':
		q.quote = r
	default:
		return true
	}
	return false
}

// Open reports whether a quote is open.
func (q *Quotes) Open() bool { return q.quote != 0 }
