package cmdline

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestUnfinished joins lines, and has sh do the same: both see the same words.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		lines []string
		words []string
	}{
		{[]string{`show queue`}, []string{"show", "queue"}},
		{[]string{`show \`, `queue`}, []string{"show", "queue"}},
		{[]string{`sh\`, `ow`}, []string{"show"}},
		{[]string{`show \ `}, []string{"show", " "}},
		{[]string{`show \\`}, []string{"show", `\`}},
		{[]string{`show \\\`, `x`}, []string{"show", `\x`}},
		{[]string{`\`, ``}, nil},
		{[]string{`a \`, `\`, `b`}, []string{"a", "b"}},
		{[]string{`a 'b`, `c' d`}, []string{"a", "b\nc", "d"}},
		{[]string{`a 'b\`, `c'`}, []string{"a", "b\\\nc"}},
		{[]string{`a "b\`, `c"`}, []string{"a", "bc"}},
		{[]string{`a "b`, `c" 'd`, `e'`}, []string{"a", "b\nc", "d\ne"}},
		{[]string{`a # it's \`}, []string{"a"}},
		{[]string{`a it"'"s`}, []string{"a", "it's"}},
		{[]string{`größe '日`, `本'`}, []string{"größe", "日\n本"}},
	} {
		text, n := tt.lines[0], 1
		for Unfinished(text) != "" && n < len(tt.lines) {
			text = Join(text, tt.lines[n])
			n++
		}
		if n != len(tt.lines) || Unfinished(text) != "" {
			t.Errorf("%q: %d lines, then %q", tt.lines, n, Unfinished(text))
		}
		var got []string
		for _, c := range Parse(text).Commands {
			got = append(got, c.Words...)
		}
		if !slices.Equal(got, tt.words) {
			t.Errorf("%q: %q, want %q", tt.lines, got, tt.words)
		}
		if len(tt.words) == 0 {
			continue
		}
		out, err := exec.Command("sh", "-c", "printf '%s\\0' "+strings.Join(tt.lines, "\n")).Output()
		if sh := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); err != nil || !slices.Equal(sh, tt.words) {
			t.Errorf("%q: sh has %q, %v", tt.lines, sh, err)
		}
	}
}

func TestUnfinishedInScript(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		`show queue`: false, `show \`: true, `show 'x`: false, `show "x`: false, `show "x\`: false,
		`show queue | awk '`: true, `show queue | awk "x\`: true, `show queue | cat \`: true, `show > 'x`: false, `# \`: false, ``: false,
	} {
		if got := UnfinishedInScript(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
