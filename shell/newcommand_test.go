package shell

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// TestNewCommand adds a command with a flag of its own in the way that CONTRIBUTING
// tells: an entry and a handler, and no more. The command runs one-shot, by prefixes,
// and is helped with and completed; the flag is refused by all other commands.
func TestNewCommand(t *testing.T) {
	clock := &command.Command{Pattern: "show clock", Group: command.GroupServer, Origin: command.Own,
		Flags:   []command.Flag{{Name: "ticks", Text: "print ticks"}, {Name: "unit", Text: "print in `UNIT`"}},
		Summary: "show how long smtpd has been running",
		Run: func(ctx context.Context, c *command.Call) error {
			conn, err := c.Conn(ctx)
			if err != nil {
				return err
			}
			d, err := conn.Digest(ctx)
			if err != nil {
				return err
			}
			unit := c.Flag("unit")
			if c.Flag("ticks") != "" {
				unit = "ticks"
			}
			up := (d.Timestamp - d.Startup) / 60
			return c.Print(command.Record{JSON: map[string]int64{"minutes": up}, Text: fmt.Sprintf("%d %s\n", up, unit)})
		}}
	before, flags := commands, cmdline.CommandFlags
	commands = append(slices.Clone(commands), clock)
	cmdline.CommandFlags = cmdline.FlagsOf(commands)
	defer func() { commands, cmdline.CommandFlags = before, flags }()

	_, path := simtest.Start(t, smtpdsim.Config{})
	run := func(line string) (out, errs string) {
		t.Helper()
		opts := command.DefaultOptions()
		opts.Socket = path
		var o, e bytes.Buffer
		s := NewSession(opts, IO{In: strings.NewReader(""), Out: &o, Err: &e, Env: func(string) string { return "" }})
		s.mode = command.FromFile
		defer s.Close()
		printError(&e, s.style, s.Eval(context.Background(), line))
		return o.String(), e.String()
	}
	for _, tt := range []struct{ line, out, errs string }{
		{"show clock", "10 \n", ""}, {"sh clock --ticks", "10 ticks\n", ""}, {"--unit=weeks show clock", "10 weeks\n", ""},
		{"show clock --unit weeks -j", `{"minutes":10}` + "\n", ""}, {"show clock; show clock --ticks", "10 \n10 ticks\n", ""},
		{"show clock --ticks; show clock", "10 ticks\n10 \n", ""}, {"show clock --ticks=false", "10 \n", ""},
		{"show status --ticks", "", "--ticks works only with show clock"}, {"show clock --unit ''", "", "the value is empty"},
		{"show clock --ticks=maybe", "", "expected true or false"},
	} {
		if out, errs := run(tt.line); out != tt.out || !strings.Contains(errs, tt.errs) || (tt.errs == "") != (errs == "") {
			t.Errorf("%s: %q, %q", tt.line, out, errs)
		}
	}
	if out, _ := run("help show clock"); !strings.Contains(out, clock.Summary) || !strings.Contains(out, "--ticks") || !strings.Contains(out, "--unit UNIT") {
		t.Errorf("help: %s", out)
	}
	var offered []string
	for _, o := range (&Session{}).flagOptions(nil, nil) {
		offered = append(offered, o.Name)
	}
	if !slices.Contains(offered, "--ticks") {
		t.Errorf("completion offers %q", offered)
	}
}

// TestBegins compares words with patterns.
func TestBegins(t *testing.T) {
	for _, tt := range []struct {
		pattern, words string
		want           bool
	}{
		{"discover <selector>", "discover", true}, {"discover <selector>", "discover 1", true}, {"discover <selector>", "discover 1 2", false},
		{"remove <selector...>", "remove a b c", true}, {"resume mta from <address> for <domain>", "resume mta from 192.0.2.1 for", true},
		{"resume mta from <address> for <domain>", "resume smtp", false}, {"show queue", "", true},
	} {
		if got := (&command.Command{Pattern: tt.pattern}).Begins(strings.Fields(tt.words)); got != tt.want {
			t.Errorf("%q, %q: %v", tt.pattern, tt.words, got)
		}
	}
}
