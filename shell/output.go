package shell

import (
	"os"

	"golang.org/x/term"
)

// screenSize returns the size of the terminal that shows the results, or 0 and 0 if
// they go elsewhere.
func (s *Session) screenSize() (cols, rows int) {
	f, ok := s.io.Out.(*os.File)
	if !ok {
		return 0, 0
	}
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return cols, rows
}
