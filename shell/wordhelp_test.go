package shell

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
)

// allSettings returns the settings of all commands, each name once.
func allSettings(s *Session) []*command.Setting {
	var all []*command.Setting
	for _, c := range s.table {
		for _, x := range c.Settings {
			if !slices.ContainsFunc(all, func(have *command.Setting) bool { return have.Name == x.Name }) {
				all = append(all, x)
			}
		}
	}
	return all
}

// asked returns what ? prints at the end of a line.
func asked(t *testing.T, s *Session, line string) string {
	t.Helper()
	var b strings.Builder
	if err := s.printNextIn(&b, s.parser(), line); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	return b.String()
}

// bare returns a line for a command, without what is not needed for its settings to follow.
func bare(c *command.Command) string {
	line := commandtest.Lines[c.Pattern]
	for _, x := range c.Settings {
		if i := strings.Index(line, " "+x.Word()); i >= 0 {
			line = line[:i]
		}
	}
	return line
}

// TestSettings holds what commands say of their settings to what they take: every command is
// given every setting, and the menu, ? and help know those that it takes, and no others.
func TestSettings(t *testing.T) {
	t.Parallel()
	a := newAgreement()
	s := a.s
	s.live(func() {})
	comp := s.completer(s.live(func() {}), nil)
	offers := func(typed string) []string {
		var texts []string
		for _, found := range comp.Complete(a.p.Place(typed)).List {
			texts = append(texts, found.Text)
		}
		return texts
	}
	for _, c := range s.table {
		k := s.tree.Rest(c.Pattern)
		if k == nil || !k.Terms {
			continue
		}
		for _, x := range allSettings(s) {
			if x.Name == "columns" && len(c.Rows) > 0 {
				continue // it is --columns there: TestAskedOfColumns
			}
			own := slices.IndexFunc(c.Settings, func(have *command.Setting) bool { return have.Name == x.Name })
			line := bare(c) + " "
			if (slices.Contains(offers(line+x.Name), x.Word()) || slices.Contains(offers(line+x.Word()), x.Word()+"10")) != (own >= 0) {
				t.Errorf("%q: %s is offered: %v", c.Pattern, x.Word(), own < 0)
			}
			if own >= 0 {
				x = c.Settings[own]
			}
			for _, example := range x.Examples {
				words := strings.Fields(line + example)
				if strings.Contains(example, "'") {
					words = a.p.Parse(line + example).Commands[0].Words
				}
				call, err := s.parse(words)
				if err == nil && call.Cmd.Check != nil {
					err = call.Cmd.Check(call)
				}
				if (err == nil) != (own >= 0) {
					t.Errorf("%q %s: %v", c.Pattern, example, err)
				}
			}
			if own < 0 {
				continue
			}
			said := asked(t, s, line+x.Word())
			for _, want := range append([]string{x.Word() + x.Want, x.Doc, x.Note}, x.Examples...) {
				if !strings.Contains(said, want) {
					t.Errorf("%q: ? after %s lacks %q:\n%s", c.Pattern, x.Word(), want, said)
				}
			}
			if list := asked(t, s, line); !strings.Contains(list, x.Word()+x.Want) {
				t.Errorf("%q: ? does not list %s:\n%s", c.Pattern, x.Word(), list)
			}
			values := offers(line + x.Word())
			if len(values) == 0 {
				t.Errorf("%q: no value is offered for %s", c.Pattern, x.Word())
			}
			for _, v := range append(values, offers(line+x.Word()+"-")...) {
				if _, err := k.Parse(v); err != nil {
					t.Errorf("%q: %s is offered: %v", c.Pattern, v, err)
				}
			}
		}
	}
	for _, x := range allSettings(s) {
		var b strings.Builder
		if err := s.printHelp(&b, []string{x.Name}); err != nil || b.String() != asked(t, s, x.Word()) {
			t.Errorf("help %s: %v\n%s", x.Name, err, b.String())
		}
	}
}

// TestAskedOfOptions presses ? in place of the value of every option, in every form: what the
// value is, is said first.
func TestAskedOfOptions(t *testing.T) {
	t.Parallel()
	s := newAgreement().s
	opts := command.DefaultOptions()
	cmdline.FlagSet(&opts, nil).VisitAll(func(f *pflag.Flag) {
		value, doc := flagDoc(f)
		if value == "" {
			return
		}
		forms := []string{"--" + f.Name + " ", "--" + f.Name + "="}
		if f.Shorthand != "" {
			forms = append(forms, "-"+f.Shorthand+" ")
		}
		for _, form := range forms {
			if said := asked(t, s, form); !strings.HasPrefix(said, "  <"+value+">") || !strings.Contains(said, doc) {
				t.Errorf("%s: %q, want %q", form, said, doc)
			}
		}
	})
	for _, line := range []string{"watch ", "watch -", "watch -n ", "on mx1 watch -", "on mx1 watch -n "} {
		if said := asked(t, s, line); !strings.Contains(said, everyText) {
			t.Errorf("%q: %q", line, said)
		}
	}
	for _, line := range []string{"show -", "watch show -", "remove -", "watch -n 5 -"} {
		if said := asked(t, s, line); strings.Contains(said, everyText) {
			t.Errorf("%q: %q", line, said)
		}
	}
}

// TestAskedOfColumns presses ? after columns= of every list.
func TestAskedOfColumns(t *testing.T) {
	t.Parallel()
	a := newAgreement()
	comp := a.s.completer(a.s.live(func() {}), nil)
	for _, c := range a.s.table {
		if len(c.Rows) == 0 {
			continue
		}
		line := commandtest.Lines[c.Pattern] + " columns="
		if said := asked(t, a.s, line); !strings.Contains(said, "examples:\n    columns="+c.ListColumns()[0]) {
			t.Errorf("%q: %q", line, said)
		}
		list := comp.Complete(a.p.Place(line)).List
		if len(list) == 0 {
			t.Errorf("%q: nothing is offered", line)
		}
		for _, found := range list {
			_, err := a.s.parse(append(strings.Fields(commandtest.Lines[c.Pattern]), found.Text))
			if _, more := a.s.parse(append(strings.Fields(commandtest.Lines[c.Pattern]), "/tmp", found.Text)); err != nil && more != nil {
				t.Errorf("%q: %s: %v", line, found.Text, err)
			}
		}
	}
}
