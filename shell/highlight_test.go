package shell

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/prompt"
)

// marks are what TestHighlight writes around the parts of a class.
var marks = map[prompt.Class]string{
	prompt.Unknown: "!", prompt.TermKey: "K", prompt.Operator: "O", prompt.Value: "V", prompt.Quoted: "Q", prompt.Comment: "C",
}

// highlighted returns a line with its parts in braces.
func highlighted(t *testing.T, line string, spans []prompt.Span) string {
	t.Helper()
	var b strings.Builder
	at := 0
	for _, s := range spans {
		if s.Start < at || s.End <= s.Start || s.End > len(line) {
			t.Fatalf("%q: %v", line, spans)
		}
		fmt.Fprintf(&b, "%s%s{%s}", line[at:s.Start], marks[s.Class], line[s.Start:s.End])
		at = s.End
	}
	return b.String() + line[at:]
}

// testHighlight returns what colours lines.
func testHighlight(t testing.TB) func(line string) []prompt.Span {
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: os.Stdout, Err: os.Stderr, Env: func(string) string { return "" }})
	t.Cleanup(s.Close)
	parser := s.parser()
	parser.Names = cmdline.Names{Selections: map[string][]string{"@spam": {"from=x@y.example"}}, Aliases: map[string][]string{"q": {"show", "queue"}}}
	return s.highlight(parser, s.flagOptions(nil, nil))
}

func TestHighlight(t *testing.T) {
	t.Parallel()
	highlight := testHighlight(t)
	for _, want := range []string{
		"", " ", "s", "sho", "show queue", "sh queue ", "!{bogus}", "!{bogus} queue", "show !{bogus}", "show !{bogus} from=x",
		"show queue K{from}O{=}V{a@b.example}", "show queue K{error}O{!~}Q{'^5 x'} K{domain}O{=}V{x}", "show queue K{domain}O{=}V{a}Q{'b'}",
		"show queue !{bogus=x} K{older}O{=}V{2d}", "show queue !{older=x} ", "show queue K{older}O{=}V{x}", "q K{from}O{=}V{a}", "remove V{@spam} K{to}O{=}V{x}",
		"show q ", "show !{s} status", "!{s} status", "show status; !{bogus}; show queue", "show queue | grep Q{'x y'}; bogus", "show queue > Q{'a file'}; show status",
		"show status C{# it's bogus}", "remove -n --keep 2d all", "remove !{--bogus} all", "remove --ke", "remove !{--zz}", "remove -- !{--keep}  ",
		"encrypt 'secret' bogus=x", "watch 5 show queue K{from}O{=}V{a}", "smtpctl show !{bogus}", "Q{'show'} queue", "help bogus",
		"show queue K{from}O{=}Q{'a", "schedule !{zzz} all", "show envelope !{zzz} ", "!{größe}", "help", "help show !{--bogus}", "watch !{bogus}", "watch -n 5 show !{bogus}",
	} {
		line := want
		for _, m := range marks {
			for strings.Contains(line, m+"{") {
				before, rest, _ := strings.Cut(line, m+"{")
				inner, after, ok := strings.Cut(rest, "}")
				if !ok {
					inner, after = rest, ""
				}
				line = before + inner + after
			}
		}
		got := highlighted(t, line, highlight(line))
		if got != want && got != want+"}" {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// TestHighlightBounds colours lines as nobody types them.
func TestHighlightBounds(t *testing.T) {
	t.Parallel()
	highlight := testHighlight(t)
	for _, line := range []string{strings.Repeat("a ", 10000), strings.Repeat("show queue from=x ", 200), strings.Repeat(";", 4000), strings.Repeat("'", 4001), "show queue " + strings.Repeat("from=x ", 500)} {
		highlighted(t, line, highlight(line))
	}
}

func FuzzHighlight(f *testing.F) {
	f.Add("show queue from='a b' | grep x # y")
	f.Add("smtpctl remove -n --keep=3 \"x\" > f; q @spam")
	highlight := testHighlight(f)
	f.Fuzz(func(t *testing.T, line string) {
		highlighted(t, line, highlight(line))
	})
}

// BenchmarkHighlight types a line, key by key.
func BenchmarkHighlight(b *testing.B) {
	highlight := testHighlight(b)
	line := "remove domain=example.com from=a@b.example error~'^5' older=2d state=pending size>1 sort=age; show queue"
	for i := 0; b.Loop(); i++ {
		highlight(line[:i%(len(line)+1)])
	}
}
