package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Status is what is known of a machine without asking it.
type Status struct {
	Connected bool          // its ssh runs
	Err       error         // why the last connection failed or has ended; nil if it has not
	Facts     Facts         // valid if Known
	Known     bool          // the machine has been connected
	Way       string        // how the smtpd is reached; "" if that is not known
	Trip      time.Duration // the last round trip that was measured, 0 if there is none
	Files     string        // who reads files there, safe for a terminal; "" if that is not known
}

// Status returns what is known of the machine, and of the smtpd that listens on a socket there.
func (h *Host) Status(socket string) Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{Err: h.failed, Trip: h.trip}
	l := h.link
	if l == nil {
		return st
	}
	st.Connected, st.Facts, st.Known = !l.ended(), l.facts, true
	if !st.Connected && st.Err == nil {
		st.Err = l.err
	}
	if w := h.ways[socket]; w != nil {
		st.Way = w.name
	}
	switch {
	case h.filesAs == nil && h.refused != nil:
		st.Files = "no: " + h.refused.Error()
	case h.filesAs == nil:
	case *h.filesAs != "":
		st.Files = "by " + strings.Fields(*h.filesAs)[0]
	case l.facts.UID == 0:
		st.Files = "yes"
	case h.refused != nil:
		st.Files = fmt.Sprintf("only those of uid %d: %v", l.facts.UID, h.refused)
	default:
		st.Files = fmt.Sprintf("only those of uid %d: there is neither sudo nor doas", l.facts.UID)
	}
	return st
}

// note takes note of whether a connection could be made. That it was interrupted says nothing.
func (h *Host) note(ctx context.Context, err error) {
	if err != nil && ctx.Err() != nil {
		return
	}
	h.mu.Lock()
	h.failed = err
	h.mu.Unlock()
}

// ProbeFiles finds out who reads files there, for Status. Its ssh must run.
func (h *Host) ProbeFiles(ctx context.Context, socket, way string, timeout time.Duration) {
	f := h.Files(ctx, socket, timeout).By(way)
	s, err := f.take()
	if err == nil {
		f.done(s)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.filesAs == nil && ctx.Err() == nil {
		h.refused = err
	}
}

// mustAsk are words with which ssh says that it could go on only if it were allowed to ask.
// They are the only sign of that: its exit status is the same for all failures.
var mustAsk = []string{"Permission denied", "Host key verification failed", "Too many authentication failures"}

// MustAsk reports whether ssh has failed since it was not allowed to ask at the terminal.
func MustAsk(err error) bool {
	var said *SaidError
	if !errors.As(err, &said) || said.Program != Program {
		return false
	}
	for _, words := range mustAsk {
		if strings.Contains(strings.Join(said.Words, "\n"), words) {
			return true
		}
	}
	return false
}
