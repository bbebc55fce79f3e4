package shell

import (
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// splitLine returns the commands of a line.
func splitLine(text string) ([]cmdline.LineCommand, error) {
	line := cmdline.Parse(text)
	return line.Commands, line.Err
}

func TestSplitLine(t *testing.T) {
	for line, want := range map[string][][]string{
		"":                         nil,
		"   ":                      nil,
		"# comment ; x":            nil,
		"show queue":               {{"show", "queue"}},
		"a b # c":                  {{"a", "b"}},
		"a b#c":                    {{"a", "b#c"}},
		"a '#' \"#\"":              {{"a", "#", "#"}},
		"a;b c ; ;d":               {{"a"}, {"b", "c"}, {"d"}},
		"a ';' \"x;y\" \\;":        {{"a", ";", "x;y", ";"}},
		"a ''":                     {{"a", ""}},
		"a 'b c'\\ d":              {{"a", "b c d"}},
		"id=3 show":                {{"id=3", "show"}},
		"a $HOME '`x`'":            {{"a", "$HOME", "`x`"}},
		`remove "from=\*@x" \t`:    {{"remove", `from=\*@x`, "t"}},
		"a \xff":                   {{"a", "\xff"}},
		"日本;語":                     {{"日本"}, {"語"}},
		"tab\tseparated":           {{"tab", "separated"}},
		"remove from='<>' \"a|b\"": {{"remove", "from=<>", "a|b"}},
	} {
		commands, err := splitLine(line)
		var got [][]string
		for _, c := range commands {
			got = append(got, c.Words)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v, want %q", line, got, err, want)
		}
	}
	for _, line := range []string{"a |", "| b", "<user@x>", "a >", "a > b c", "> b", "a || b", "a & b", "'open", "\"open", "(a)", "a )", "`open", "a\x00b"} {
		if got, err := splitLine(line); len(got) > 0 || err == nil || command.Status(err) != command.StatusUsage {
			t.Errorf("%q: %+v, %v, want a usage error", line, got, err)
		}
	}
}

func TestSplitRedirects(t *testing.T) {
	for line, want := range map[string]cmdline.LineCommand{
		"a b | grep -v 'x;y' > z; w": {Words: []string{"a", "b"}, Pipe: "grep -v 'x;y' > z; w"},
		"a>b":                        {Words: []string{"a"}, File: "b"},
		"a >> 'b c' # d":             {Words: []string{"a"}, File: "b c", Append: true},
	} {
		got, err := splitLine(line)
		if len(got) == 1 {
			got[0].Tokens = nil
		}
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%q: %+v, %v, want %+v", line, got, err, want)
		}
	}
	got, err := splitLine("a > b; c")
	if err != nil || len(got) != 2 || got[0].File != "b" || got[1].Words[0] != "c" {
		t.Errorf("a > b; c: %+v, %v", got, err)
	}
}

func TestTableIsSorted(t *testing.T) {
	patterns := Patterns(true)
	if !slices.IsSorted(patterns) {
		for i := 1; i < len(patterns); i++ {
			if patterns[i] < patterns[i-1] {
				t.Errorf("%q stands after %q", patterns[i], patterns[i-1])
			}
		}
	}
	for _, c := range commandTable() {
		if c.Summary == "" || c.Run == nil || !slices.Contains(command.Groups, c.Group) {
			t.Errorf("%q lacks something", c.Pattern)
		}
	}
}

func TestKeepInHistory(t *testing.T) {
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	for line, want := range map[string]bool{
		"show queue": true, "encrypt": true, "encrypt secret": false, "e secret": false, "show status; enc secret": false,
		"--timeout 5s encrypt secret": false, "--timeout encrypt secret": false, "encrypt 'open": false, "remove all": true,
		"help encrypt": true, "help encrypt x": false,
	} {
		if got := keepInHistory(s, cmdline.Parse(line)); got != want {
			t.Errorf("%q: %v, want %v", line, got, want)
		}
	}
}

// FuzzLine evaluates lines of all kinds against an smtpd that does not exist:
// nothing may panic, and nothing may come out of it but an error.
func FuzzLine(f *testing.F) {
	for _, p := range Patterns(true) {
		f.Add(p)
	}
	for _, line := range []string{
		"remove 1234567812345678", "schedule all; resume envelope all", "show 'queue", "sh ro --timeout 5s", "-- encrypt -- x",
		"trace m", "pause mta from 192.0.2.1 for x", "spf walk", "help show q", "--socket", "a\\", "`$(x)`", "show queue 1234 # x", "日本語 \xff",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var out strings.Builder
		s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
		commands, err := splitLine(line)
		if err != nil {
			printError(&out, s.style, err)
			return
		}
		for _, lc := range commands {
			c, err := s.parse(lc.Words)
			if status := printError(&out, s.style, err); err != nil && status == command.StatusOK {
				t.Fatalf("%q: an error with status 0: %v", line, err)
			}
			if err != nil || c == nil {
				continue
			}
			// What was understood can be said in full, and is understood the same.
			again, err := s.parse(append([]string{"--"}, c.Path...))
			if err != nil || again == nil || again.Cmd.Pattern != c.Cmd.Pattern {
				t.Fatalf("%q is %q, which is %v, %v", line, c.Path, again, err)
			}
			_ = command.PathOf(c)
		}
		keepInHistory(s, cmdline.Parse(line))
		_ = s.printNextIn(&out, s.parser(), line)
	})
}

// TestQuestionAtFlags asks what can come next where a flag or its value is typed.
func TestQuestionAtFlags(t *testing.T) {
	t.Parallel()
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	for line, want := range map[string]string{
		"show queue --output ": "openmetrics", "show queue -no j": "json", "show queue --from ": "<DIR>", "show queue --fo": "--follow", "watch -n ": "<SECONDS>",
		"watch sh": "show", "watch show queue ": "<enter>", "encrypt --sch": "--scheme", "encrypt --scheme ": "bcrypt", "-- show ": "queue", "show queue -- ": "<query>",
		"show queue --nonsense": `no option begins with "--nonsense"`, "show queue --nonsense x ": "unknown flag: --nonsense", "show queue '": "a quote",
		"domain=": "domain=example.com", "error~": "error~REGEXP", "older=": "older=TIME", "show queue older=": "older=TIME", "watch show queue older=": "older=TIME",
		"show qx": `nothing that can come here begins with "qx"`, "!": `nothing that can come here begins with "!"`, "resume x": `begins with "x"`, "xyz=": `begins with "xyz="`,
	} {
		var out strings.Builder
		if err := s.printNextIn(&out, s.parser(), line); err != nil {
			out.WriteString(err.Error())
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s?: %q, want %q", line, out.String(), want)
		}
	}
}

// TestCompleteAfterProgram completes a line of another shell whatever its first word is.
func TestCompleteAfterProgram(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"smtpctl show rou": "routes", "'/opt/mail tools/smtpctl' show rou": "routes", "/opt/mail\\ tools/smtpctl\tshow rou": "routes", "  smtpctl show rou": "routes",
		"smtpctl": "", "smtpctl -r rem": "", "'/opt/mail tools": "",
	} {
		var out strings.Builder
		s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &out, Err: io.Discard, Env: func(string) string { return "" }})
		c, err := s.parse([]string{completeWord, line})
		if err == nil {
			err = s.run(t.Context(), c)
		}
		if word, _, _ := strings.Cut(out.String(), "\t"); err != nil || word != want {
			t.Errorf("%s: %q, %v, want %q", line, out.String(), err, want)
		}
	}
}
