package remote

import (
	"errors"
	"strings"
)

// Path checks the path of a file on another machine. The path becomes an unquoted word of
// shell commands there, and an argument of ssh -L, which splits it at colons. So Path refuses
// a path with a character that means something to a shell or to ssh, a path that is not
// absolute, and a path of more than 1023 bytes.
func Path(path string) error {
	if path == "" || path[0] != '/' || len(path) > 1023 || strings.ContainsFunc(path, func(r rune) bool {
		return r < ' ' || r > '~' || strings.ContainsRune("'\"\\:`$!*?[]{}~ ;&|<>()#", r)
	}) {
		return errors.New("expected a path on the other machine that begins with a slash, without blanks and without characters that mean something to a shell")
	}
	return nil
}
