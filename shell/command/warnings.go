package command

import (
	"bytes"
	"fmt"
	"slices"

	"smtpctl/shell/render"
)

// MaxHeld is how many bytes of warnings are kept.
const MaxHeld = 16 << 10

// A Held keeps warnings while another program uses the screen and would cover them.
type Held struct {
	// Console is the terminal that will show the warnings, or nil.
	Console *Console

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

// Take returns the warnings as String does, and keeps them back no more.
func (h *Held) Take() string {
	text := h.String()
	h.text, h.left = nil, 0
	return text
}

// String returns the warnings, each once, and says how many were left out.
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
