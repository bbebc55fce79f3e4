package spool

import (
	"context"
	"errors"
	"testing"
	"time"

	"smtpctl/protocol"
)

// TestEnvelopesCancelled ends the context of a listing before it begins, in its
// first moments and while it is read, and leaves it early: it always ends, and
// with the reason if there was more to come.
func TestEnvelopesCancelled(t *testing.T) {
	t.Parallel()
	s := Open(t.TempDir())
	const messages = 200
	for i := range messages {
		write(t, s, protocol.EnvelopeID(uint64(i%3)<<56|uint64(i+1)<<32|1), plainEnvelope)
	}
	list := func(ctx context.Context, each func(n int) bool) (n int, err error) {
		for _, e := range s.Envelopes(ctx) {
			if err = e; e == nil {
				n++
			}
			if !each(n) {
				break
			}
		}
		return n, err
	}
	always := func(int) bool { return true }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := range 120 {
			ctx, cancel := context.WithCancel(t.Context())
			switch i % 3 {
			case 0:
				cancel()
				if n, err := list(ctx, always); err == nil && n < messages || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("cancelled before: %d envelopes, %v", n, err)
				}
			case 1:
				time.AfterFunc(time.Duration(i)*time.Microsecond, cancel)
				if n, err := list(ctx, always); err == nil && n < messages {
					t.Errorf("cancelled after %d µs: %d envelopes and no error", i, n)
				}
			case 2:
				if n, _ := list(ctx, func(n int) bool {
					if n == i {
						cancel()
					}
					return n < i+2
				}); n < min(i, messages) {
					t.Errorf("left at %d: %d envelopes", i, n)
				}
			}
			cancel()
		}
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a listing whose context has ended hangs")
	}
}
