package shell

import (
	"os"

	"smtpctl/shell/command"
	"smtpctl/shell/prompt"
)

// keys returns a channel with the keys that the user types while a command runs, for a
// command that draws on the whole screen. stop ends the reading and restores the terminal; it
// may be called more than once. The channel is nil if standard input is not a terminal, is
// already in use as input, or cannot be read key by key.
func (s *Session) keys() (keys <-chan string, stop func()) {
	f, ok := s.io.In.(*os.File)
	if !ok || s.mode.StdinTaken() || !command.IsTerminal(f) {
		return nil, func() {}
	}
	var k *prompt.Keyboard
	s.cleanup.do(func() (undo func()) {
		var err error
		if k, err = prompt.OpenKeyboard(f); err != nil {
			k = nil
			return nil
		}
		return k.Close
	})
	if k == nil {
		return nil, func() {}
	}
	return k.Keys, k.Close
}
