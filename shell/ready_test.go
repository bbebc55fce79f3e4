package shell

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
)

// TestReady brings smtpd and the session into states, and completes in each of them: what
// cannot do anything then is not offered, and all else is.
func TestReady(t *testing.T) {
	t.Parallel()
	type want struct {
		line     string
		has, not string // words
	}
	for _, tt := range []struct {
		name  string
		setup string // lines that make the state
		wants []want
	}{
		{"as it begins", "", []want{
			{"pause ", "mda mta smtp envelope", ""}, {"resume ", "envelope route", "mda mta smtp"},
			{"und", "", "undo"}, {"rel", "", "release"}, {"resume route ", "", "4"}}},
		{"mta is paused", "pause mta", []want{
			{"pause ", "mda smtp mta", ""}, {"resume ", "mta envelope", "mda smtp"}, {"und", "undo", ""},
			{"pause mta ", "from", ""}, {"resume mta ", "", "from"},
			{"pause mda; resume ", "mda mta smtp", ""}, // what comes before it changes that
			{"help resume ", "mda mta smtp", ""}}},
		{"all are paused", "pause mta; pause mda; pause smtp", []want{
			{"pause ", "envelope mta", "mda smtp"}, {"resume ", "mta mda smtp", ""}, {"pause mta ", "from", ""}}},
		{"an address", "pause mta from 192.0.2.1 for example.com", []want{
			{"resume ", "mta", "mda smtp"}, {"resume mta ", "from", ""}}},
		{"a hold", "hold from=* for=1h", []want{{"rel", "release", ""}, {"release ", "all", ""}, {"und", "undo", ""}}},
		{"a hold that was released", "hold from=* for=1h; release all", []want{{"rel", "", "release"}}},
		{"taken back", "pause mta; undo", []want{{"und", "", "undo"}, {"resume ", "", "mta"}}},
		{"read-only", "--read-only show status", []want{{"und", "", "undo"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, path := simtest.Start(t, smtpdsim.Config{Messages: 5})
			opts := command.DefaultOptions()
			opts.Socket, opts.Spool = path, t.TempDir()
			s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
			defer s.Close()
			s.audit.to = func(string) {}
			s.mode, s.demo = command.AtPrompt, true
			s.confirm = func(context.Context, string) bool { return true }
			if tt.setup != "" {
				if err := s.Eval(context.Background(), tt.setup); err != nil {
					t.Fatal(err)
				}
			}
			l := s.live(func() {})
			l.Wait = completeWait
			comp := s.completer(l, nil)
			for _, w := range tt.wants {
				var offered []string
				for _, s := range comp.Complete(s.parser().Place(w.line)).List {
					offered = append(offered, s.Text)
				}
				for _, word := range strings.Fields(w.has) {
					if !slices.Contains(offered, word) {
						t.Errorf("%q: no %s in %q", w.line, word, offered)
					}
				}
				for _, word := range strings.Fields(w.not) {
					if slices.Contains(offered, word) {
						t.Errorf("%q: %s in %q", w.line, word, offered)
					}
				}
			}
		})
	}
}

// TestReadyNotKnown completes where smtpd does not answer: everything is offered, and it
// is waited for once.
func TestReadyNotKnown(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	_, path := simtest.Start(t, smtpdsim.Config{Tamper: func() func(int, []byte) []byte {
		return func(_ int, raw []byte) []byte { <-release; return raw }
	}})
	defer close(release)
	opts := command.DefaultOptions()
	opts.Socket = path
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	defer s.Close()
	l := s.live(func() {})
	l.Wait = 50 * time.Millisecond
	comp := s.completer(l, nil)
	for _, line := range []string{"resume ", "pause "} {
		var offered []string
		for _, s := range comp.Complete(s.parser().Place(line)).List {
			offered = append(offered, s.Text)
		}
		for _, word := range []string{"mda", "mta", "smtp", "envelope"} {
			if !slices.Contains(offered, word) {
				t.Errorf("%q: no %s in %q", line, word, offered)
			}
		}
	}
}
