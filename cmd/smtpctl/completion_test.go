package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// completionShells are the shells with completion, and how each is started so that
// nothing of the user's is read.
var completionShells = []struct {
	shell string
	args  []string
	load  string
}{
	{"bash", []string{"--norc", "--noprofile", "-i"}, "source <(smtpctl completion bash)"},
	{"zsh", []string{"-f", "-i"}, "autoload -Uz compinit && compinit -u -D && source <(smtpctl completion zsh)"},
	{"fish", []string{"--no-config", "-i"}, "smtpctl completion fish | source"},
}

// completionShell starts a shell in a terminal with the completion loaded.
func completionShell(t *testing.T, shell string, args []string, load string, env ...string) *terminal {
	t.Helper()
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Skipf("needs %s", shell)
	}
	home := t.TempDir()
	env = append(env, "PATH="+filepath.Dir(program)+":"+home+":"+os.Getenv("PATH"), "PS1=ready> ", "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home,
		"BASH_SILENCE_DEPRECATION_WARNING=1")
	cmd := exec.Command(path, args...)
	cmd.Dir = home
	x := inTerminal(t, home, env, cmd)
	pty.Setsize(x.pty, &pty.Winsize{Rows: 40, Cols: 250})
	x.keys(load + "; echo loa''ded\r")
	x.expect(`loaded`)
	return x
}

// TestCompletionScripts types in each shell and presses Tab.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for _, tt := range completionShells {
		t.Run(tt.shell, func(t *testing.T) {
			t.Parallel()
			opts := startDemoProcess(t)
			list := run(t, append(opts, "show", "queue", "limit=5")...)
			id := strings.SplitN(list.stdout, "|", 2)[0]
			x := completionShell(t, tt.shell, tt.args, tt.load)
			line := "smtpctl " + strings.Join(opts, " ")
			for _, step := range []struct{ typed, want string }{
				{" sh ro\t", "sh routes"},
				{" show envelope " + id[:10] + "\t", id},
				{" show queue domain=gm\t", `domain=gmial\.example`},
				{" show queue dom\t", `domain=`},
				{" --scheme bc\t", `--scheme bcrypt`},
				{" show message " + id[:6] + "\t", id[:8]},
			} {
				x.keys("\x15" + line + step.typed)
				x.expect(step.want)
			}
			// What has been completed runs.
			x.keys("\x15" + line + " show queue domain=gm\t | wc -l | tr 0-9 Q\r")
			x.expect(`Q\s`)
			x.keys("\x15exit\r")
			<-x.done
		})
	}
}

// TestCompleteLines asks as the scripts do.
func TestCompleteLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	os.WriteFile(dir+"/maintenance", nil, 0o600)
	for line, want := range map[string]string{
		"smtpctl sh ro":                   "routes\tshow the routes that smtpd knows, and which of them are disabled\n",
		"smtpctl completion ba":           "bash\tthe script for bash\n",
		"smtpctl -f " + dir + "/m":        dir + "/maintenance\t\n",
		"smtpctl --scheme bc":             "bcrypt\t\n",
		"smtpctl --output=tab":            "--output=table\t\n",
		"smtpctl show queue from='<>' st": "state=\tSTATE: pending, inflight, held or suspended; or several, separated by commas\n",
		"smtpctl 'sh":                     "'show\tshow the queue, mail, relaying, statistics or status\n",
		"smtpctl nonsense ":               "",
		"smtpctl":                         "",
	} {
		if r := run(t, "--socket", dir+"/none", "__complete", line, "bash"); r.stdout != want || r.status != 0 || r.stderr != "" {
			t.Errorf("%q: %v, want %q", line, r, want)
		}
	}
}
