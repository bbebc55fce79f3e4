package shell

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/shell/cmdline"
)

// Limits of the count of lines that are not carried out.
const (
	maxRest  = 16 << 20               // bytes of a script that are read
	restWait = 100 * time.Millisecond // for lines, or the end, that whoever writes the script is about to send
)

// notCarriedOut says which lines of a script remain after the one that ended it, with a
// verb, or "" if there are none. It waits for lines that have not arrived for restWait at most.
func (s *Session) notCarriedOut(in *bufio.Reader, r io.Reader, line int) string {
	first, last, more := restOf(in, r, line, restWait)
	var parts []string
	if s.unevaluated {
		parts = append(parts, fmt.Sprintf("the rest of line %d", line))
		s.unevaluated = false
	}
	verb := "was"
	switch {
	case first > 0 && first < last:
		parts = append(parts, fmt.Sprintf("lines %d to %d", first, last))
		verb = "were"
	case first > 0:
		parts = append(parts, fmt.Sprintf("line %d", first))
	}
	if more {
		parts = append(parts, "what may follow")
	}
	if len(parts) == 0 {
		return ""
	}
	if len(parts) > 1 {
		verb = "were"
	}
	return strings.Join(parts, " and ") + " " + verb
}

// restOf reads the rest of a script. It returns the first and the last line with a
// command, or 0 if there is none, and whether more may follow. It waits for wait at most.
func restOf(in *bufio.Reader, r io.Reader, line int, wait time.Duration) (first, last int, more bool) {
	end := time.Now().Add(wait)
	for read := 0; read < maxRest; {
		if in.Buffered() == 0 && mustWait(r, end) {
			return first, last, true
		}
		text, err := in.ReadSlice('\n')
		read += len(text)
		whole := err == nil || err == io.EOF && len(text) > 0
		if whole {
			line++
			if parsed := cmdline.Parse(string(text)); parsed.Err != nil || len(parsed.Commands) > 0 {
				last = line
				if first == 0 {
					first = line
				}
			}
		}
		if err != nil {
			// A line that is too long ends the count.
			return first, last, err != io.EOF
		}
	}
	return first, last, true
}

// mustWait reports whether reading more of a script could block: it comes from a pipe or a
// terminal, and neither data nor its end has arrived when the time is up.
func mustWait(r io.Reader, end time.Time) bool {
	var f *os.File
	switch v := r.(type) {
	case *os.File:
		f = v
	case *stream:
		f = v.File
	default:
		return false
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(max(0, time.Until(end)).Milliseconds()))
		if err != unix.EINTR {
			return err != nil || n == 0
		}
	}
}
