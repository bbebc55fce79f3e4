package grammar

import (
	"fmt"
	"strings"
)

// The errors of Resolve. Path has the words before the wrong one, in full.
type (
	// An AmbiguousError is the error for an abbreviation of several words.
	AmbiguousError struct {
		Word       string
		Path       []string
		Candidates []Candidate // those that it could stand for
	}
	// An UnknownError is the error for a word that no pattern has in its place.
	UnknownError struct {
		Word    string
		Path    []string
		Nearest []Candidate // those spelt most alike
		All     []Candidate // all that could stand here; none if nothing can
	}
	// An IncompleteError is the error for a line that ends too early.
	IncompleteError struct {
		Path       []string
		Candidates []Candidate // what could follow
	}
	// An ArgumentError is the error for a word that is not valid as an argument.
	ArgumentError struct {
		Word string
		Path []string
		Kind *Kind
		Err  error
	}
)

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("%sambiguous: %q", prefix(e.Path), e.Word)
}

func (e *UnknownError) Error() string {
	if len(e.All) == 0 {
		return fmt.Sprintf("%sunexpected argument %q", prefix(e.Path), e.Word)
	}
	return fmt.Sprintf("%sunknown word: %q", prefix(e.Path), e.Word)
}

func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%smissing argument", prefix(e.Path))
}

func (e *ArgumentError) Error() string {
	return fmt.Sprintf("%s%q: %v", prefix(e.Path), e.Word, e.Err)
}

// Unwrap returns the error of the kind.
func (e *ArgumentError) Unwrap() error { return e.Err }

func prefix(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return strings.Join(path, " ") + ": "
}
