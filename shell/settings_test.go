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
	r := &repl{s: s}
	for text, want := range map[string]string{
		"remove @spam": "remove from=@news.example 'error~^5 x'", "q @spam state=held": "show queue -o table from=@news.example 'error~^5 x' state=held",
		"remove @spa": "remove @spa", "encrypt @spam": "encrypt @spam", "ex @spam": "encrypt @spam", "show status; q": "show status;show queue -o table",
		"show q": "show q", "remove from=@spam": "remove from=@spam", "-r q": "-r show queue -o table", "--timeout 5s encrypt @spam": "--timeout 5s encrypt @spam",
		"show queue --from @spam": "show queue --from @spam", "-- q @spam": "-- show queue -o table from=@news.example 'error~^5 x'",
	} {
		line := r.parser().Parse(text)
		var got []string
		for _, c := range line.Commands {
			got = append(got, cmdline.Quoted(c.Full))
		}
		if strings.Join(got, ";") != want || line.Expanded != (want != text) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"q dom": "show queue", "q": "", "remove @spam st": "remove from=@news.example 'error~^5 x'", "show status; q x": "show queue",
		"remove '@spam x": "remove", "ex @spam": "encrypt", "ex @spam x": "encrypt @spam",
	} {
		if at := r.parser().Place(text); cmdline.Quoted(at.Words) != want {
			t.Errorf("typed %q: %q, want %q", text, at.Words, want)
		}
	}
	// A password behind an alias is one.
	for _, text := range []string{"ex s3kr1t", "show status; -r ex s3kr1t"} {
		if keepInHistory(s, r.parser().Parse(text)) {
			t.Errorf("the history keeps %s", text)
		}
	}
}

func TestSettingsRefused(t *testing.T) {
	_, errs := withSettings(t, "let a = x; y\nlet b = frm=x\nlet c = -\nlet d = abc\nalias show = help\nalias e1 = nonsense\nalias e2 = show queue | sh\nconfirm = many\ncolumns = nothing\n")
	for i, want := range []string{"config:1: let a: expected words without", `config:2: let b: "frm=x": unknown term`, `config:3: let c: "-": expected a term`, `config:4: let d: "abc": expected 8 hex digits`,
		"config:5: alias show: is a command already", "config:6: alias e1: unknown word", "config:7: alias e2: expected words without", `config:8: confirm: "many": expected a number`, `config:9: columns: unknown column "nothing"`} {
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

// TestSettingsHosts gives lines for a machine: what is wrong is said with file and line, and
// nothing is sent to that machine.
func TestSettingsHosts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"way=sudo-nc socket=/run/x.sock spool=/var/spool/x": "", "way=auto": "", "way=forward": "", "way=doas-stdio": "",
		"way=sduo-nc":        `"way=sduo-nc": expected auto, forward,`,
		"way=":               `"way=": expected auto`,
		"way=sudo-forward":   `"way=sudo-forward": expected auto`,
		"way=smtpctl":        `"way=smtpctl": expected auto`,
		"socket=x":           `"socket=x": want a path|"socket=x": expected a path`,
		"socket=/run/x;id":   `"socket=/run/x;id": `,
		"spool=/a/$HOME":     `"spool=/a/$HOME": `,
		"smtp=127.0.0.1:587": "", "way=nc smtp=[::1]:25": "", "smtp=192.0.2.1:65535": "",
		"smtp=":                      `"smtp=": expected an IP address and a port`,
		"smtp=localhost:25":          `"smtp=localhost:25": expected an IP address and a port`,
		"smtp=127.0.0.1":             `"smtp=127.0.0.1": expected an IP address and a port`,
		"smtp=127.0.0.1:0":           `"smtp=127.0.0.1:0": expected an IP address and a port`,
		"smtp=127.0.0.1:65536":       `"smtp=127.0.0.1:65536": expected an IP address and a port`,
		"smtp=::1:25":                `"smtp=::1:25": expected an IP address and a port`,
		"smtp=[fe80::1%lo;id]:25":    `"smtp=[fe80::1%lo;id]:25": expected an IP address and a port`,
		"smtp=127.0.0.1:25;id":       `"smtp=127.0.0.1:25;id": expected an IP address and a port`,
		"way=nc way=socat":           `"way=socat": given twice`,
		"port=22":                    `"port=22": expected way=WAY`,
		"nc":                         `"nc": expected way=WAY`,
		"way=nc socket=/run/x.sock ": "",
	} {
		s, errs := withSettings(t, "\nhost mx3 = "+text+"\n")
		good := want == ""
		for _, w := range strings.Split(want, "|") {
			good = good || strings.Contains(errs, "config:2: host mx3: "+w)
		}
		if !good || want == "" && errs != "" {
			t.Errorf("%q: %q, want %q", text, errs, want)
		}
		for _, hosts := range []string{"mx3", "mx1,mx3"} {
			c, err := s.parse([]string{"--host", hosts, "show", "status"})
			if (err != nil) != (want != "") || err != nil && command.Status(err) != command.StatusUsage {
				t.Errorf("%q for %s: %v", text, hosts, err)
			}
			if err == nil && hosts == "mx3" && strings.Contains(text, "socket=/run/x.sock") != (c.Opts.Socket == "/run/x.sock") {
				t.Errorf("%q: socket %s", text, c.Opts.Socket)
			}
		}
		if c, err := s.parse([]string{"--host", "mx1", "show", "status"}); err != nil || c.Opts.Socket != command.DefaultOptions().Socket {
			t.Errorf("%q holds for mx1: %v", text, err)
		}
		usual := command.DefaultOptions()
		c, err := s.parse([]string{"--socket", usual.Socket, "--host", "mx3", "--spool=" + usual.Spool, "show", "status"})
		if err == nil && (c.Opts.Socket != usual.Socket || c.Opts.Spool != usual.Spool) {
			t.Errorf("%q wins over what was given: %s, %s", text, c.Opts.Socket, c.Opts.Spool)
		}
		if s.opts.Socket != command.DefaultOptions().Socket {
			t.Errorf("%q changes the socket of the session", text)
		}
	}
	for name, want := range map[string]string{"local": "expected another machine", "-x": "expected a host|want a host", "a;b": "a host"} {
		_, errs := withSettings(t, "host "+name+" = way=nc\n")
		good := false
		for _, w := range strings.Split(want, "|") {
			good = good || strings.Contains(errs, w)
		}
		if !good {
			t.Errorf("%s: %q, want %q", name, errs, want)
		}
	}
}
