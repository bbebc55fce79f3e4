package completer

import (
	"sort"
	"strings"

	"github.com/sahilm/fuzzy"
)

// Rank returns the suggestions that match what has been typed: those that begin with
// it, in their order; otherwise those that begin with it in either case; otherwise
// those that contain its letters in that order, the closest first.
func Rank(all []Suggestion, typed string) []Suggestion {
	var out, folded []Suggestion
	for _, s := range all {
		if strings.HasPrefix(s.Text, typed) {
			out = append(out, s)
		} else if foldedPrefix(s.Text, typed) {
			folded = append(folded, s)
		}
	}
	if len(out) == 0 {
		out = folded
	}
	if len(out) > 0 || typed == "" || len(all) > fuzzyLimit {
		exactFirst(out, typed)
		return out
	}
	return scatter(all, typed)
}

// RankValues returns the suggestions that match what has been typed: those that begin
// with it in either case, then those that contain it; otherwise those that contain its
// letters in that order, the closest first.
func RankValues(all []Suggestion, typed string) []Suggestion {
	var out, inside []Suggestion
	folded := strings.ToLower(typed)
	for _, s := range all {
		if foldedPrefix(s.Text, typed) {
			out = append(out, s)
		} else if strings.Contains(strings.ToLower(s.Text), folded) {
			inside = append(inside, s)
		}
	}
	out = append(out, inside...)
	if len(out) > 0 || typed == "" || len(all) > fuzzyLimit {
		exactFirst(out, typed)
		return out
	}
	return scatter(all, typed)
}

// foldedPrefix reports whether a text begins with what was typed, in whatever case.
func foldedPrefix(text, typed string) bool {
	return len(text) >= len(typed) && strings.EqualFold(text[:len(typed)], typed)
}

// exactFirst moves the suggestion that equals the typed text to the front.
func exactFirst(list []Suggestion, typed string) {
	sort.SliceStable(list, func(i, j int) bool { return list[i].Text == typed && list[j].Text != typed })
}

// scatter returns the suggestions that hold the letters that were typed in their
// order, the closest first.
func scatter(all []Suggestion, typed string) []Suggestion {
	var out []Suggestion
	for _, m := range fuzzy.FindFrom(typed, suggestions(all)) {
		out = append(out, all[m.Index])
	}
	return out
}

// suggestions lets the fuzzy package search.
type suggestions []Suggestion

func (s suggestions) String(i int) string { return s[i].Text }
func (s suggestions) Len() int            { return len(s) }
