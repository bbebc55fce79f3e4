package grammar

import "slices"

// maxNearest is how many words an UnknownError offers at most.
const maxNearest = 3

func newUnknown(w string, path []string, all []Candidate) *UnknownError {
	return &UnknownError{Word: w, Path: path, All: all, Nearest: Nearest(w, all)}
}

// Nearest returns at most three literals whose spelling is similar to w, the most
// similar first.
func Nearest(w string, all []Candidate) []Candidate {
	type scored struct {
		Candidate
		d int
	}
	var near []scored
	for _, c := range all {
		if c.Kind != nil || len(w) >= 2*len(c.Word) {
			continue // a word so much longer is too far from it
		}
		// An incomplete word is compared with the same length of the candidate.
		whole := distance(w, c.Word)
		cut := distance(w, c.Word[:min(len(w), len(c.Word))]) + 1
		if d := min(whole, cut); d <= 1+len(w)/3 && d < len(c.Word) {
			near = append(near, scored{c, d})
		}
	}
	slices.SortStableFunc(near, func(a, b scored) int { return a.d - b.d })
	var out []Candidate
	for _, s := range near[:min(len(near), maxNearest)] {
		if s.d > near[0].d+1 {
			break
		}
		out = append(out, s.Candidate)
	}
	return out
}

// distance counts the letters to insert, delete, replace or swap with a neighbour to
// turn a into b. Only the first 64 bytes count.
func distance(a, b string) int {
	a, b = a[:min(len(a), 64)], b[:min(len(b), 64)]
	var rows [3][65]int
	for j := range len(b) + 1 {
		rows[1][j] = j
	}
	for i := range len(a) {
		prev2, prev, cur := &rows[i%3], &rows[(i+1)%3], &rows[(i+2)%3]
		cur[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			cur[j+1] = min(prev[j]+cost, prev[j+1]+1, cur[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cur[j+1] = min(cur[j+1], prev2[j-1]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
