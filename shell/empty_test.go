package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// unread is a standard input that must not be read.
type unread struct{ t *testing.T }

func (r unread) Read([]byte) (int, error) {
	r.t.Error("standard input was read")
	return 0, io.EOF
}

// emptyForms returns the ways to give a flag an empty value.
func emptyForms(f *pflag.Flag) [][]string {
	forms := [][]string{{"--" + f.Name + "="}}
	if f.NoOptDefVal == "" {
		forms = append(forms, []string{"--" + f.Name, ""})
		if f.Shorthand != "" {
			forms = append(forms, []string{"-" + f.Shorthand, ""}, []string{"-" + f.Shorthand + "="}, []string{"-y" + f.Shorthand, ""})
		}
	}
	return forms
}

// quoteWords makes a line of words, each in quotes.
func quoteWords(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

// emptySession returns a session on a simulated smtpd with one envelope, whose
// standard input must not be read.
func emptySession(t *testing.T) (*Session, *smtpdsim.Server) {
	t.Helper()
	sim, path := simtest.Start(t, smtpdsim.Config{Tables: []string{"aliases"}})
	sim.Add(smtpdsim.Envelope{ID: 7<<32 | 1})
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = path, t.TempDir()
	s := NewSession(opts, IO{In: unread{t}, Out: io.Discard, Err: io.Discard, Env: os.Getenv})
	t.Cleanup(s.Close)
	s.mode = command.FromFile
	return s, sim
}

// wantUsage checks that a line is a usage error of which nothing was sent.
func wantUsage(t *testing.T, s *Session, sim *smtpdsim.Server, line string) {
	t.Helper()
	err := s.Eval(context.Background(), line)
	if command.Status(err) != command.StatusUsage {
		t.Errorf("%s: %v, want a usage error", line, err)
	}
	if n := sim.Sessions(); n > 0 {
		t.Fatalf("%s: smtpd was asked", line)
	}
}

// TestEmptyValues gives every flag of the program an empty value, in every form
// and in every place of commands of every kind.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	for i, mode := range []command.Mode{command.OneShot, command.AtPrompt} {
		s, sim := emptySession(t)
		s.mode = mode
		for j, f := range allFlags() {
			for k, form := range emptyForms(f) {
				var inv cmdline.Invocation
				err := (&cmdline.Parser{Base: command.DefaultOptions(), Inv: &inv, Verbatim: s.verbatimFlags}).Args(append(form, "show", "status")).Err
				var usage *command.UsageError
				if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--"+f.Name+` "": the value is empty, expected `) {
					t.Errorf("%q on the command line: %v", form, err)
				}
				own := strings.HasPrefix(strings.Join(form, " "), "--scheme") || strings.HasPrefix(strings.Join(form, " "), "--cost") ||
					strings.HasPrefix(strings.Join(form, " "), "--verify")
				for l, program := range []string{
					"remove 0000000700000001", "show queue", "monitor", "encrypt secret", "spf walk x.example", "show message 00000007",
					"watch 1 show queue", "wait empty", "wait domain=x", "source x", "update table aliases", "help show",
				} {
					if !fulltest.Takes(i+j+k+l, 5) {
						continue
					}
					line := quoteWords(form)
					wantUsage(t, s, sim, line+" "+program)
					word, rest, _ := strings.Cut(program, " ")
					if word != "encrypt" || own {
						wantUsage(t, s, sim, word+" "+line+" "+rest)
					}
					if word != "encrypt" {
						wantUsage(t, s, sim, program+" "+line)
					}
				}
			}
		}
	}
}

// TestEmptyWords puts an empty word where a word or an argument belongs, in every
// command of the table.
func TestEmptyWords(t *testing.T) {
	t.Parallel()
	for _, k := range allKinds() {
		if k.Name == "line" || k.Name == "part" {
			continue // what has been typed so far, which may be nothing
		}
		var err error
		if k.Words != nil {
			_, err = grammar.Pick("", k.Words())
		} else {
			_, err = k.Parse("")
		}
		if err == nil {
			t.Errorf("<%s> takes an empty word", k.Name)
		}
	}
	s, sim := emptySession(t)
	for _, c := range s.table {
		if c.Hidden() {
			continue
		}
		words := strings.Fields(c.Pattern)
		for i := range len(words) + 1 {
			if i > 0 && strings.HasPrefix(words[i-1], "<") {
				break // what could stand there is in the loop above
			}
			wantUsage(t, s, sim, strings.Join(words[:i], " ")+" ''")
		}
	}
	for _, line := range []string{"''", "show queue > ''", "show queue >> ''", "watch 2 ''", "watch ''", "wait empty ''", "remove ''", "remove from=", "remove from!=''", "spf walk x ''"} {
		wantUsage(t, s, sim, line)
	}
	if n := sim.Requests(protocol.TypeRemove); n > 0 {
		t.Errorf("%d requests to remove", n)
	}
}
