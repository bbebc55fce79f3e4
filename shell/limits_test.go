package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
)

// outsideNames are what the help calls values that name something outside of the
// session.
var outsideNames = map[string]bool{"PATH": true, "DIR": true, "FILE": true, "ADDR": true, "HOST": true}

// flagForms returns the ways to give a flag a value, each as words.
func flagForms(f *pflag.Flag, value string) [][]string {
	forms := [][]string{{"--" + f.Name + "=" + value}}
	if f.NoOptDefVal == "" {
		forms = append(forms, []string{"--" + f.Name, value})
	}
	if f.Shorthand != "" {
		forms = append(forms, []string{"-" + f.Shorthand + "=" + value})
		if f.NoOptDefVal == "" {
			forms = append(forms, []string{"-" + f.Shorthand, value}, []string{"-" + f.Shorthand + value})
		}
	}
	return forms
}

// goodValue is a value that a flag takes.
func goodValue(f *pflag.Flag) string {
	switch {
	case f.Name == "host":
		return "mx1"
	case cmdline.FlagValues(f.Name) != nil:
		return cmdline.FlagValues(f.Name)[0]
	case f.Value.Type() == "bool" || f.Value.Type() == "boolfunc":
		return "true"
	case f.Value.Type() == "duration" || f.Value.Type() == "time":
		return "1s"
	case f.Value.Type() == "int" || f.Value.Type() == "bytes":
		return "5"
	}
	return "/value"
}

// TestOutsideFlags holds every flag against what its help says of its value: those
// that name a file, a socket or a server are refused behind --restricted and in the
// lines of a restricted session, in every form, and no others are.
func TestOutsideFlags(t *testing.T) {
	t.Parallel()
	for _, f := range allFlags() {
		value, _ := pflag.UnquoteUsage(f)
		outside := outsideNames[value]
		for _, form := range flagForms(f, goodValue(f)) {
			restricted := command.DefaultOptions()
			restricted.Restricted = true
			for _, way := range []struct {
				name  string
				base  command.Options
				words []string
				bad   bool
			}{
				{"before", command.DefaultOptions(), append(append([]string{}, form...), "--restricted", "show", "status"), false},
				{"behind", command.DefaultOptions(), append(append([]string{"--restricted"}, form...), "show", "status"), outside},
				{"behind the command", command.DefaultOptions(), append([]string{"--restricted", "show", "status"}, form...), outside},
				{"line", restricted, append([]string{"show", "status"}, form...), outside},
			} {
				args := (&cmdline.Parser{Base: way.base, Inv: &cmdline.Invocation{}}).Args(way.words)
				opts, err := args.Opts, args.Err
				var usage *command.UsageError
				if way.bad != (err != nil) || err != nil && (!errors.As(err, &usage) || !strings.Contains(err.Error(), "--"+f.Name+": switched off by --restricted")) {
					t.Errorf("%s: %q: %v", way.name, way.words, err)
				}
				if err == nil && !opts.Restricted {
					t.Errorf("%s: %q: no longer restricted", way.name, way.words)
				}
			}
		}
	}
}

// limited returns a session on a simulation, with its output.
func limited(t *testing.T, opts command.Options) (s *Session, sim *smtpdsim.Server, out, errs *realsmtpd.LockedBuffer) {
	t.Helper()
	sim, path := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 3, Tables: []string{"aliases"}})
	opts.Socket, opts.Spool = path, t.TempDir()
	out, errs = &realsmtpd.LockedBuffer{}, &realsmtpd.LockedBuffer{}
	s = NewSession(opts, IO{In: strings.NewReader(""), Out: out, Err: errs, Env: func(string) string { return "" }})

	t.Cleanup(s.Close)
	return s, sim, out, errs
}

// evalWords evaluates one command given as words, as oneShot does.
func evalWords(ctx context.Context, s *Session, words ...string) error {
	c, err := s.parse(words)
	if err != nil || c == nil {
		return err
	}
	return s.run(ctx, c)
}

// waysIn carry out a line in every way that takes one.
var waysIn = map[string]func(s *Session, dir, line string) error{
	"line":      func(s *Session, _, line string) error { return s.Eval(context.Background(), line) },
	"semicolon": func(s *Session, _, line string) error { return s.Eval(context.Background(), "help exit; "+line) },
	"prompt": func(s *Session, _, line string) error {
		s.mode = command.AtPrompt
		return s.Eval(context.Background(), line)
	},
	"script": func(s *Session, _, line string) error {
		s.io.In = strings.NewReader(line + "\n")
		return s.runFile(context.Background(), "-", false)
	},
	"check": func(s *Session, _, line string) error {
		s.io.In = strings.NewReader(line + "\n")
		return s.runFile(context.Background(), "-", true)
	},
	"file": func(s *Session, dir, line string) error {
		os.WriteFile(dir+"/script", []byte(line+"\n"), 0o600)
		return s.runFile(context.Background(), dir+"/script", false)
	},
	"words": func(s *Session, _, line string) error {
		return evalWords(context.Background(), s, strings.Fields(line)...)
	},
}

// TestRestrictedWaysIn gives a restricted session what it must refuse, in every way
// that takes a line. Nothing of a file is shown, and no file is made.
func TestRestrictedWaysIn(t *testing.T) {
	t.Parallel()
	for name, way := range waysIn {
		for _, also := range []string{"", " --restricted=false", " -r=false --restricted=0"} {
			dir := t.TempDir()
			secret := filepath.Join(dir, "secret")
			os.WriteFile(secret, []byte("root:sekrit:1:1\nshow sekrit\n"), 0o600)
			made := filepath.Join(dir, "made")
			lines := []string{
				"source " + secret, "source -- " + secret, "sour " + secret, "source -",
				"show queue --spool " + dir, "show message 00000001 --spool=" + dir, "show status --socket " + secret,
				"show queue --key-file " + secret, "remove all --save " + made, "show queue --save " + made,
				"spf walk example.com --resolver 127.0.0.1",
				"watch show queue --spool " + dir, "watch --socket " + secret + " show status", "wait empty --spool " + dir + " for 1s",
			}
			if name != "words" {
				lines = append(lines, "show status > "+made, "show status >> "+made, "show status | cat > "+made, "help | sh")
			}
			for _, line := range lines {
				opts := command.DefaultOptions()
				opts.Restricted = true
				s, sim, out, errs := limited(t, opts)
				text := line
				if words, rest, ok := strings.Cut(line, " "); ok {
					text = words + also + " " + rest
				}
				err := way(s, dir, text)
				status := printError(errs, s.style, err)
				if all := out.String() + errs.String(); strings.Contains(all, "sekrit") || strings.Contains(all, "root:") {
					t.Errorf("%s: %q shows %q", name, text, all)
				}
				if status != command.StatusUsage && !(name == "semicolon" && status == command.StatusFailed) || !strings.Contains(errs.String(), "restricted") && !strings.Contains(errs.String(), "stays so") {
					t.Errorf("%s: %q: status %d, %s", name, text, status, errs.String())
				}
				if _, err := os.Lstat(made); err == nil {
					t.Fatalf("%s: %q made a file", name, text)
				}
				if n := sim.Requests(protocol.TypeRemove); n != 0 {
					t.Errorf("%s: %q sent %d requests", name, text, n)
				}
			}
		}
	}
}

// TestReadOnlyWaysIn gives a read-only session every command that changes something
// and every way to write, in every way that takes a line. It sends and writes
// nothing.
func TestReadOnlyWaysIn(t *testing.T) {
	t.Parallel()
	for name, way := range waysIn {
		dir := t.TempDir()
		made := filepath.Join(dir, "made")
		lines := []string{"show queue --save " + made, "show status --save=" + made}
		for _, c := range commandTable() {
			if c.Changes() {
				lines = append(lines, commandtest.Lines[c.Pattern])
			}
		}
		if name != "words" {
			lines = append(lines, "show status > "+made, "show status >> "+made, "show status | cat >"+made, "help | sh", "show queue|cat")
		}
		for i, line := range lines {
			for j, also := range []string{"", "--read-only=false ", "-r=0 "} {
				if !fulltest.Takes(i+j, 3) {
					continue
				}
				opts := command.DefaultOptions()
				opts.ReadOnly = true
				s, sim, _, errs := limited(t, opts)
				status := printError(errs, s.style, way(s, dir, also+line))
				if status == command.StatusOK || !strings.Contains(errs.String(), "read-only") && !strings.Contains(errs.String(), "stays so") {
					t.Errorf("%s: %q: status %d, %s", name, also+line, status, errs.String())
				}
				if _, err := os.Lstat(made); err == nil {
					t.Fatalf("%s: %q made a file", name, line)
				}
				for typ := protocol.Type(1); typ < 40; typ++ {
					if n := sim.Requests(typ); n > 0 && typ != protocol.TypeShowStatus && typ != protocol.TypeGetDigest {
						t.Errorf("%s: %q sent %d requests of %v", name, line, n, typ)
					}
				}
			}
		}
	}
}

// TestRestrictedCompletion offers no names of files in a restricted session.
func TestRestrictedCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(dir+"/hidden", nil, 0o600)
	os.Mkdir(dir+"/hidden.d", 0o700)
	for _, line := range []string{"source " + dir + "/", "show queue --spool " + dir + "/", "--key-file " + dir + "/"} {
		for _, restricted := range []bool{false, true} {
			opts := command.DefaultOptions()
			opts.Restricted = restricted
			s, _, out, _ := limited(t, opts)
			if err := evalWords(context.Background(), s, completeWord, "smtpctl "+line); err != nil {
				t.Fatal(err)
			}
			if shown := strings.Contains(out.String(), "hidden"); shown == restricted {
				t.Errorf("restricted %v: %q offers %q", restricted, line, out.String())
			}
		}
	}
}

// TestExamplesOfEveryCommand keeps the examples complete.
func TestExamplesOfEveryCommand(t *testing.T) {
	t.Parallel()
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &strings.Builder{}, Err: &strings.Builder{}, Env: func(string) string { return "" }})
	for _, c := range commandTable() {
		line := commandtest.Lines[c.Pattern]
		call, err := s.parse(strings.Fields(line))
		if err != nil || call == nil || call.Cmd.Pattern != c.Pattern && !(c.Aims && call.Aimed) {
			t.Errorf("%s: its example is %q: %v", c.Pattern, line, fmt.Sprint(err))
		}
	}
}
