package cmdline

import "smtpctl/completer/grammar"

// The reasons why a line continues on the next one.
const (
	QuoteOpen = "quote open" // the end of the line is within quotes, and part of the word
	GoesOn    = "goes on"    // the line ends with a backslash, which counts for nothing
)

// Unfinished returns why a line continues on the next one, as in sh, or "".
func Unfinished(line string) string {
	tokens := grammar.Scan(line)
	if len(tokens) == 0 {
		return ""
	}
	return unfinished(tokens[len(tokens)-1])
}

func unfinished(last grammar.Token) string {
	switch {
	case last.Kind != grammar.TokenWord:
		return ""
	case last.Escape:
		return GoesOn
	case last.InQuotes():
		return QuoteOpen
	}
	return ""
}

// UnfinishedInScript is Unfinished for a line of a script. There a quote may stay open
// only in a command of sh: otherwise a forgotten quote would include the following
// lines, and could make them part of a term that then selects other envelopes.
func UnfinishedInScript(line string) bool {
	tokens := grammar.Scan(line)
	if len(tokens) == 0 {
		return false
	}
	last := tokens[len(tokens)-1]
	why := unfinished(last)
	return why == GoesOn && !last.InQuotes() || why != "" && last.Shell
}

// Join joins a line that goes on with the next one.
func Join(line, next string) string {
	if Unfinished(line) == GoesOn {
		return line[:len(line)-1] + next
	}
	return line + "\n" + next
}
