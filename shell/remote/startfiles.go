package remote

import (
	"bytes"
	"errors"
	"io"
)

// Before a command runs on the other machine, the login shell there reads its start files,
// which may print anything to either output: a greeting, or what fails in them. So each
// command first prints an empty line and the line begins to both of its outputs, and what
// stands before that line is dropped.
const begins = "smtpctl: the other side begins"

// maxStart is how many bytes the start files of a login shell may print to each output.
const maxStart = 64 << 10

// saysBegins is a command of sh(1) that prints begins to both outputs.
const saysBegins = `echo; echo "` + begins + `"; { echo; echo "` + begins + `"; } >&2`

// errNotBegun means that a command has printed something other than begins.
var errNotBegun = errors.New("the shell there did not answer as sh(1) does: is its login shell one, and does it allow commands?")

// marked returns the command that prints begins to both outputs and becomes command. Every
// login shell reads it in the same way. command must be the words of one program.
func marked(command string) string { return `sh -c '` + saysBegins + `; exec "$@"' - ` + command }

// afterBegins returns what follows the line begins. ok is false if there is no such line.
func afterBegins(out []byte) (rest []byte, ok bool) {
	const line = "\n" + begins + "\n"
	i := bytes.Index(out, []byte(line))
	if i < 0 {
		return nil, false
	}
	return out[i+len(line):], true
}

// A startSkipper reads what follows the line begins. It must not be used concurrently.
type startSkipper struct {
	r     io.Reader
	begun bool
	buf   []byte // what came and has not been returned
}

// Read implements io.Reader. The error is errNotBegun if the line has not come within
// maxStart bytes.
func (s *startSkipper) Read(p []byte) (int, error) {
	for !s.begun {
		at := len(s.buf)
		s.buf = append(s.buf, make([]byte, 4096)...)
		n, err := s.r.Read(s.buf[at:])
		s.buf = s.buf[:at+n]
		if rest, ok := afterBegins(s.buf); ok {
			s.begun, s.buf = true, rest
		} else if len(s.buf) > maxStart {
			return 0, errNotBegun
		} else if err != nil {
			return 0, err
		}
	}
	if len(s.buf) > 0 {
		n := copy(p, s.buf)
		s.buf = s.buf[n:]
		return n, nil
	}
	s.buf = nil
	return s.r.Read(p)
}
