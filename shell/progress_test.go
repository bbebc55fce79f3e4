package shell

import (
	"context"
	"io"
	"regexp"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
)

// cancelWriter ends a context once it has been written to.
type cancelWriter struct{ cancel context.CancelCauseFunc }

func (w cancelWriter) Write(p []byte) (int, error) {
	w.cancel(&command.SignalError{Sig: 2})
	return len(p), nil
}

// TestInterrupted ends a listing and says how far it got.
func TestInterrupted(t *testing.T) {
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 50_000})
	ctx, cancel := context.WithCancelCause(context.Background())
	opts := command.DefaultOptions()
	opts.Socket = path
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: cancelWriter{cancel}, Err: io.Discard, Env: func(string) string { return "" }})
	defer s.Close()
	err := s.Eval(ctx, "show queue")
	if err == nil || !regexp.MustCompile(`^show queue: interrupted after \d+ envelopes$`).MatchString(err.Error()) || command.Status(err) != 130 {
		t.Errorf("%v, status %d", err, command.Status(err))
	}
	if err := s.Eval(context.Background(), "show status"); err != nil {
		t.Errorf("after it: %v", err)
	}
}
