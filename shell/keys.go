package shell

import (
	"os"

	"smtpctl/shell/command"
	"smtpctl/shell/prompt"
)

// keys returns the keys that are typed while a command has the screen.
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
