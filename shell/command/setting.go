package command

import (
	"fmt"
	"strings"

	"smtpctl/completer/grammar"
)

// A Setting is a word NAME=VALUE that stands among the terms of a command and is no term, such
// as limit=20. Completion and help derive from it; the parser of the arguments reads it.
type Setting struct {
	Name string
	Want string // what its value is, such as N or N/TIME
	Doc  string
	Note string // what else is to know of it, in whole sentences
	// Examples are the ends of lines with it, as they are typed.
	Examples []string
	// Some are values to offer. If Values is not nil, it returns them, given what has been
	// typed of the value.
	Some   []string
	Values func(typed string) []grammar.Candidate
	// Not is the name of a setting that may not stand beside it.
	Not string
}

// Word returns the beginning of the word, up to its value.
func (s *Setting) Word() string { return s.Name + "=" }

// Offered returns the values to offer, given what has been typed of the value.
func (s *Setting) Offered(typed string) []grammar.Candidate {
	if s.Values != nil {
		return s.Values(typed)
	}
	out := make([]grammar.Candidate, len(s.Some))
	for i, v := range s.Some {
		out[i] = grammar.Candidate{Word: v}
	}
	return out
}

// Fits reports whether the setting may still be given after these words.
func (s *Setting) Fits(words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(w, s.Word()) || s.Not != "" && strings.HasPrefix(w, s.Not+"=") {
			return false
		}
	}
	return true
}

// Explain returns a description of the setting with examples, in lines.
func (s *Setting) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n    %s\n", s.Word(), s.Want, s.Doc)
	if s.Note != "" {
		fmt.Fprintf(&b, "    %s\n", s.Note)
	}
	fmt.Fprintf(&b, "examples:\n    %s\n", strings.Join(s.Examples, "\n    "))
	return b.String()
}
