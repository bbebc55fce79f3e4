package shell

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// maxHeld bounds how many bytes of warnings are kept back.
const maxHeld = 16 << 10

// A held keeps warnings back while another program has the screen, which would
// cover them.
type held struct {
	text []byte
	left int // lines that were left out
}

func (h *held) Write(p []byte) (int, error) {
	if len(h.text)+len(p) > maxHeld {
		h.left += bytes.Count(p, []byte("\n"))
	} else {
		h.text = append(h.text, p...)
	}
	return len(p), nil
}

// String returns the warnings, each of them once, and says what was left out.
func (h *held) String() string {
	var out []byte
	var seen [][]byte
	for line := range bytes.Lines(h.text) {
		if !slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, line) }) {
			seen = append(seen, line)
			out = append(out, line...)
		}
	}
	if h.left > 0 {
		out = fmt.Appendf(out, "smtpctl: %s left out\n", plural(h.left, "more line of warnings", "more lines of warnings"))
	}
	return string(out)
}

// holdWarnings keeps warnings back from a terminal until the function that it
// returns is called, which shows them.
func (s *Session) holdWarnings(c *Call) (show func()) {
	if !isTerminal(s.io.Err) {
		return func() {}
	}
	return s.hold(c)
}

func (s *Session) hold(c *Call) (show func()) {
	saved, h := s.err, &held{}
	s.err, c.Err = h, h
	return func() {
		s.err, c.Err = saved, saved
		io.WriteString(saved, h.String())
	}
}
