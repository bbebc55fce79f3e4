package shell

func (s *Session) repl() int { return 0 }
