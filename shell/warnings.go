package shell

import (
	"io"

	"smtpctl/shell/command"
)

// holdWarnings keeps warnings back from a terminal until the function that it
// returns is called, which shows them.
func (s *Session) holdWarnings(c *command.Call) (show func()) {
	if s.console == nil {
		return func() {}
	}
	return s.hold(c)
}

func (s *Session) hold(c *command.Call) (show func()) {
	saved, h := s.err, &command.Held{Console: s.console}
	s.err, c.Err = h, h
	return func() {
		s.err, c.Err = saved, saved
		io.WriteString(saved, h.String())
	}
}
