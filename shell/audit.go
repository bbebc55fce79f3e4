package shell

import (
	"fmt"
	"log/syslog"
	"os"
	"os/user"
	"strings"
	"time"

	"smtpctl/shell/render"
)

// audit logs a command that changes something, with who gave it and what came of
// it: to syslog, as mail. Where there is no syslog nothing can be logged.
func (c *Call) audit(err error) {
	if !c.cmd.Changes || c.opts.DryRun {
		return
	}
	name := c.s.who
	if name == "" {
		name = who(c.s.io.Env)
	}
	text := fmt.Sprintf("%s: %s: %s", name, c.commandLine(), c.outcome(err))
	if c.s.auditTo != nil {
		c.s.auditTo(text)
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w, err := syslog.New(syslog.LOG_MAIL|syslog.LOG_NOTICE, "smtpctl")
		if err != nil {
			return
		}
		defer w.Close()
		_ = w.Notice(text) // there is nobody else to tell
	}()
	select {
	case <-done:
	case <-time.After(auditTimeout): // syslogd is stuck, this program must not be
	}
}

// auditTimeout is how long syslogd may take.
const auditTimeout = time.Second

// maxAuditLine bounds how much of a command is logged.
const maxAuditLine = 900

// commandLine is the command as it is logged: in full, on one line.
func (c *Call) commandLine() string {
	words := append([]string(nil), c.path...)
	if c.opts.Save != "" {
		words = append(words, "--save", c.opts.Save)
	}
	if c.opts.Expect >= 0 {
		words = append(words, "--expect", fmt.Sprint(c.opts.Expect))
	}
	text := render.Safe(strings.Join(words, " "))
	if len(text) > maxAuditLine {
		text = text[:maxAuditLine] + "..."
	}
	return text
}

// outcome says what came of a command.
func (c *Call) outcome(err error) string {
	text := "done"
	if err != nil {
		text = "failed: " + render.Safe(err.Error())
	}
	if !c.cmd.Bulk {
		return text
	}
	t := &c.tally
	for _, n := range []struct {
		name  string
		count int
	}{
		{"done", t.done}, {"gone", t.gone}, {"missing", t.missing}, {"inflight", t.inflight},
		{"skipped", t.suspended + t.running + t.refused}, {"unsaved", t.unsaved}, {"unconfirmed", t.unconfirmed},
	} {
		if n.count > 0 || n.name == "done" {
			text += fmt.Sprintf(", %s=%d", n.name, n.count)
		}
	}
	return strings.TrimPrefix(text, "done, ")
}

// who names the person behind this process: the one who became root by sudo or
// doas, else the one who logged in.
func who(env func(string) string) string {
	for _, name := range []string{"SUDO_USER", "DOAS_USER"} {
		if u := env(name); u != "" {
			return "user " + render.Safe(u)
		}
	}
	if b, err := os.ReadFile("/proc/self/loginuid"); err == nil {
		if id := strings.TrimSpace(string(b)); id != "4294967295" {
			return "user " + userName(id)
		}
	}
	if u := env("LOGNAME"); u != "" {
		return "user " + render.Safe(u)
	}
	return "user " + userName(fmt.Sprint(os.Getuid()))
}

// userName returns the name of a uid, or the uid.
func userName(uid string) string {
	if u, err := user.LookupId(uid); err == nil {
		return render.Safe(u.Username)
	}
	return "uid " + uid
}
