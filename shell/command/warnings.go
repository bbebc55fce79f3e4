package command

import (
	"bytes"
	"fmt"
	"slices"

	"smtpctl/shell/render"
)

// MaxHeld bounds how many bytes of warnings are kept back.
const MaxHeld = 16 << 10

// A Held keeps warnings back while another program has the screen, which would
// cover them.
type Held struct {
	text []byte
	left int // lines that were left out
}

func (h *Held) Write(p []byte) (int, error) {
	if len(h.text)+len(p) > MaxHeld {
		h.left += bytes.Count(p, []byte("\n"))
	} else {
		h.text = append(h.text, p...)
	}
	return len(p), nil
}

// String returns the warnings, each of them once, and says what was left out.
func (h *Held) String() string {
	var out []byte
	var seen [][]byte
	for line := range bytes.Lines(h.text) {
		if !slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, line) }) {
			seen = append(seen, line)
			out = append(out, line...)
		}
	}
	if h.left > 0 {
		out = fmt.Appendf(out, "smtpctl: %s left out\n", render.Plural(h.left, "more line of warnings", "more lines of warnings"))
	}
	return string(out)
}
