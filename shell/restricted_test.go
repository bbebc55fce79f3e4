package shell

import (
	"context"
	"strings"
	"testing"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// TestNothingNamesAFile gives each flag that names a file, and each command that
// takes one, to a session that began with --restricted, in each place of a line:
// it is refused, and nothing is sent.
func TestNothingNamesAFile(t *testing.T) {
	t.Parallel()
	named := 0
	for _, f := range allFlags() {
		if !cmdline.NamesFile(f) {
			continue
		}
		named++
		for _, program := range []string{"show status", "remove 0000000700000001", "show message 0000000700000001", "watch 1 show status", "wait empty", "monitor", "show envelope 0000000700000001"} {
			s, sim := emptySession(t)
			s.opts.Restricted = true
			for _, line := range []string{"--" + f.Name + "=x " + program, program + " --" + f.Name + " x", program + " --" + f.Name + "=x"} {
				if !strings.HasPrefix(program, "watch") || strings.HasPrefix(line, "--") {
					wantUsage(t, s, sim, line)
				}
			}
		}
		// On the command line it is the order that counts.
		var inv cmdline.Invocation
		parser := cmdline.Parser{Base: command.DefaultOptions(), Inv: &inv}
		words := []string{"--" + f.Name + "=x", "--demo", "show", "status"}
		if err := parser.Args(append(words, "--restricted")).Err; err != nil {
			t.Errorf("%s before --restricted: %v", f.Name, err)
		}
		if err := parser.Args(append([]string{"--restricted"}, words...)).Err; command.Status(err) != command.StatusUsage {
			t.Errorf("%s after --restricted: %v", f.Name, err)
		}
	}
	if named < 6 {
		t.Errorf("only %d flags name files", named)
	}
	s, sim := emptySession(t)
	s.opts.Restricted = true
	for _, c := range s.table {
		if strings.Contains(c.Pattern, "<file>") {
			wantUsage(t, s, sim, strings.ReplaceAll(c.Pattern, "<file>", "x"))
		}
	}
}

// TestSwitchedOnForGood takes back the flags that restrict, in each place.
func TestSwitchedOnForGood(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"read-only", "restricted"} {
		for _, off := range []string{"=false", "=0", "=f", "=F", "=False"} {
			for _, words := range [][]string{{"--" + name, "--" + name + off, "pause", "mta"}, {"--" + name, "pause", "mta", "--" + name + off}} {
				var inv cmdline.Invocation
				args := (&cmdline.Parser{Base: command.DefaultOptions(), Inv: &inv}).Args(words)
				o, err := args.Opts, args.Err
				if command.Status(err) != command.StatusUsage || !o.ReadOnly && !o.Restricted {
					t.Errorf("%v: %v, %+v", words, err, o)
				}
			}
			s, sim := emptySession(t)
			s.opts.ReadOnly, s.opts.Restricted = true, true
			for _, line := range []string{"--" + name + off + " pause mta", "pause mta --" + name + off, "watch 1 --" + name + off + " show status"} {
				if strings.HasPrefix(line, "watch") {
					continue
				}
				wantUsage(t, s, sim, line)
			}
		}
	}
	// A line may switch it on for itself.
	s, _ := emptySession(t)
	if err := s.Eval(context.Background(), "-r pause mta"); err == nil || s.opts.ReadOnly {
		t.Errorf("-r of a line: %v, and of the session %v", err, s.opts.ReadOnly)
	}
	allFlagsOf(t)
}

// allFlagsOf checks that each flag which restricts is among those tried above: a
// switch that refuses something must not be taken back.
func allFlagsOf(t *testing.T) {
	for _, f := range allFlags() {
		if strings.Contains(f.Usage, "refuse") || strings.Contains(f.Usage, "switch off") {
			if f.Name != "read-only" && f.Name != "restricted" {
				t.Errorf("--%s restricts, and is not tried", f.Name)
			}
		}
	}
}
