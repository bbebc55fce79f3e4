package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// silent are hosts whose sshd never answers.
const silent = "Host mx2 mx3 mx4 mx5\nProxyCommand sleep 600\n"

// TestSlowHosts has four machines of five not answer: at a terminal the command says for which
// it waits, shows meanwhile what the one has, erases what it has said, and names the four at
// the end with a next step. Where standard error is no terminal nothing is said meanwhile.
func TestSlowHosts(t *testing.T) {
	t.Parallel()
	const all = "mx2,mx3,mx1,mx4,mx5"
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 5})
	named := func(text string) bool {
		for _, host := range []string{"mx2", "mx3", "mx4", "mx5"} {
			if strings.Count(text, "smtpctl: "+host+": ssh: Connection timed out")+strings.Count(text, "smtpctl: "+host+": cannot be reached: no answer within 9s; see whether ssh "+host+" answers, or give it more --timeout") != 1 {
				return false
			}
		}
		return strings.Contains(text, "show status: failed on mx2, mx3, mx4, mx5; to try again there: on mx2,mx3,mx4,mx5 show status")
	}
	for _, way := range []string{"one-shot", "prompt", "pipe"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			b.Config(silent)
			env := []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "NO_COLOR=1"}
			switch way {
			case "pipe":
				r := b.run("", "--timeout", "6s", "--socket", socket, "--host", all, "show", "status")
				if r.status != 1 || strings.Count(r.stdout, "mx1: ") != 3 || !named(r.stderr) || strings.Contains(r.stderr, "waiting") {
					t.Errorf("%v", r)
				}
				// What comes first is not kept back, and no ssh is left of what is given up.
				s := newStream(t, b.command("--timeout", "2m", "--socket", socket, "--host", "mx1,mx2,mx3", "show", "status"))
				awaitLine(t, s.lines, "mx1: ")
				s.interrupt()
				b.gone()
			case "one-shot":
				x := openTerminalIn(t, t.TempDir(), env, "--timeout", "6s", "--socket", socket, "--host", all, "show", "status")
				x.expect(`mx1 +running`) // before the others have failed
				x.expect(`waiting for mx2, mx3 and 2 others, for [1-9]s`)
				if named(x.unfolded()) {
					t.Errorf("what mx1 has comes only after the others have failed: %q", x.unfolded())
				}
				x.ended(1)
				b.gone()
				if text := x.unfolded(); !named(text) || !strings.Contains(x.all(), "s\x1b[K\r\r\x1b[K") {
					t.Errorf("%q", text)
				}
			case "prompt":
				x := openTerminalIn(t, t.TempDir(), env, "--timeout", "6s", "--socket", socket)
				x.expect(promptRE)
				x.keys("on " + all + " show status\r")
				x.expect(`mx1 +running`) // before the others have failed
				x.expect(`waiting for mx2, mx3 and 2 others, for [1-9]s`)
				if named(x.unfolded()) {
					t.Errorf("what mx1 has comes only after the others have failed: %q", x.unfolded())
				}
				x.expect(`failed on mx2, (?s).*smtpctl> $`)
				if text := x.unfolded(); !named(text) {
					t.Errorf("%q", text)
				}
				x.keys("exit\r")
				x.ended(1)
				b.gone()
			}
		})
	}
}

// TestSlowInterrupted presses Ctrl-C while machines do not answer: the command ends at once,
// and no ssh is left.
func TestSlowInterrupted(t *testing.T) {
	t.Parallel()
	_, socket := simtest.Start(t, smtpdsim.Config{Seed: 1, Messages: 5})
	for _, way := range []string{"one-shot", "prompt"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			b.Config(silent)
			env := []string{"PATH=" + b.Path(), "XDG_RUNTIME_DIR=" + b.Dir, "NO_COLOR=1"}
			args := []string{"--timeout", "2m", "--socket", socket}
			if way == "one-shot" {
				args = append(args, "--host", "mx1,mx2,mx3", "show", "status")
			}
			x := openTerminalIn(t, t.TempDir(), env, args...)
			if way != "one-shot" {
				x.expect(promptRE)
				x.keys("on mx1,mx2,mx3 pause mda\r")
			}
			x.expect(`waiting for mx2( and mx3)?`)
			begun := time.Now()
			x.keys("\x03")
			if way == "one-shot" {
				x.ended(130)
			} else {
				x.expect(`smtpctl[^>]*> $`)
				x.keys("exit\r")
				x.ended(130)
			}
			b.gone()
			if took := time.Since(begun); took > patience/2 {
				t.Errorf("it took %v", took)
			}
			t.Log(fmt.Sprint(time.Since(begun)))
		})
	}
}
