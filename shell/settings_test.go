package shell

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// withSettings returns a session with a file of settings, and what is wrong with it.
func withSettings(t *testing.T, text string) (*Session, string) {
	t.Helper()
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, "smtpctl"), 0o700)
	if err := os.WriteFile(filepath.Join(dir, "smtpctl", "config"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: &errs, Env: func(name string) string {
		return map[string]string{"XDG_CONFIG_HOME": dir}[name]
	}})
	s.settings()
	return s, strings.ReplaceAll(errs.String(), dir, "")
}

func TestSettingsNames(t *testing.T) {
	s, errs := withSettings(t, "let spam = from=@news.example 'error~^5 x'\nalias q = show queue -o table\nalias ex = encrypt\nconfirm = 3\ncolumns = age,to\n")
	if errs != "" || *s.prefs.Confirm != 3 || len(s.prefs.Columns) != 2 {
		t.Errorf("%q, %+v", errs, s.prefs)
	}
	verbatim := func(word string) bool { _, ok := s.verbatimFlags(word); return ok }
	for text, want := range map[string]string{
		"remove @spam": "remove from=@news.example 'error~^5 x'", "q @spam state=held": "show queue -o table from=@news.example 'error~^5 x' state=held",
		"remove @spa": "remove @spa", "encrypt @spam": "encrypt @spam", "ex @spam": "encrypt @spam", "show status; q": "show status;show queue -o table",
		"show q": "show q", "remove from=@spam": "remove from=@spam",
	} {
		line, changed := s.names.expand(cmdline.Parse(text), verbatim)
		var got []string
		for _, c := range line.Commands {
			got = append(got, quoted(c.Words))
		}
		if strings.Join(got, ";") != want || changed != (want != text) && text != "encrypt @spam" {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"q dom": "show queue -o table dom", "q": "q", "remove @spam st": "remove from=@news.example 'error~^5 x' st", "show status; q x": "show status; show queue -o table x",
		"remove '@spam x": "remove '@spam x",
	} {
		if got := s.names.expandText(text); got != want {
			t.Errorf("typed %q: %q, want %q", text, got, want)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	_, errs := withSettings(t, "let a = x; y\nlet b = frm=x\nlet c = -\nlet d = abc\nalias show = help\nalias e1 = nonsense\nalias e2 = show queue | sh\nconfirm = many\ncolumns = nothing\n")
	for i, want := range []string{"config:1: let a: want words without", `config:2: let b: "frm=x": unknown term`, `config:3: let c: "-": want a term`, `config:4: let d: "abc": want 8 hex digits`,
		"config:5: alias show: is a command already", "config:6: alias e1: unknown word", "config:7: alias e2: want words without", `config:8: confirm: "many": want a number`, `config:9: columns: "nothing" is no column`} {
		if lines := strings.Split(errs, "\n"); i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("no %q in %q", want, lines)
		}
	}
}

// TestSettingsOnlyAtPrompt gives a selection by its name where nobody types.
func TestSettingsOnlyAtPrompt(t *testing.T) {
	s, _ := withSettings(t, "let spam = from=@news.example\n")
	if _, err := s.parse([]string{"remove", "@spam"}); err == nil {
		t.Error("a name of a selection is understood in a script")
	}
}
