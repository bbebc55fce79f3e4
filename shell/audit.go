package shell

import (
	"fmt"
	"log/syslog"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/journal"
	"smtpctl/shell/render"
)

// A command that changes something is logged to syslog, as mail: who gave it and
// the words, before anything is sent; the ids of the envelopes that it acts on,
// before the request for them is sent; and what came of it, before anything is
// printed. So whatever ends the program, and whatever becomes of its output, what
// it did is in the log. Where there is no syslog nothing can be logged.

// Bounds of the log.
const (
	auditTimeout  = time.Second // how long syslogd may take for a line
	maxAuditName  = 200         // bytes of who gave the command
	maxAuditLine  = 900         // bytes of all of a line: RFC 3164 allows 1024 with its head
	maxAuditWords = 500         // bytes of the words of a command
	maxAuditShort = 100         // the same, in a line with ids
	maxAuditIDs   = 100_000     // ids of one command; how many more there are is said
)

// An auditor logs the changes of a session. Its zero value logs to syslog.
type auditor struct {
	to    func(text string) // takes the lines instead of syslog, for tests
	w     *syslog.Writer
	stuck bool // syslogd did not take a line in time, or there is none: no more of this command is logged
}

// log logs one line. A syslogd that is stuck is waited for once.
func (a *auditor) log(text string) {
	switch {
	case a.to != nil:
		a.to(text)
		return
	case a.stuck:
		return
	}
	done := make(chan *syslog.Writer, 1)
	go func(w *syslog.Writer) {
		if w == nil {
			var err error
			if w, err = syslog.New(syslog.LOG_MAIL|syslog.LOG_NOTICE, "smtpctl"); err != nil {
				done <- nil
				return
			}
		}
		_ = w.Notice(text) // there is nobody else to tell
		done <- w
	}(a.w)
	a.w = nil
	select {
	case a.w = <-done:
		a.stuck = a.w == nil
	case <-time.After(auditTimeout):
		a.stuck = true
	}
}

// close closes the connection to syslogd.
func (a *auditor) close() {
	if a.w != nil {
		a.w.Close()
		a.w = nil
	}
}

// A callAudit is what has been logged of one command.
type callAudit struct {
	s     *Session
	c     *command.Call
	head  string // of each line
	short string // of the lines with ids
	begun bool
	ended bool
	file  *journal.Writer
	ids   int // that were logged
	more  int // that were not
}

// auditBegin logs that a command begins, and returns where it logs what follows; nil
// if it changes nothing.
func (s *Session) auditBegin(c *command.Call) command.Log {
	if !c.Cmd.Changes() || c.Opts.DryRun {
		return nil
	}
	s.audit.stuck = false
	name, words := confine.Cut(s.whoGives(), maxAuditName)+": ", commandLine(c)
	a := &callAudit{s: s, c: c, head: name + confine.Cut(words, maxAuditWords) + ": ", short: name + confine.Cut(words, maxAuditShort) + ": ids"}
	if !c.Cmd.Repeated {
		a.begin()
	}
	return a
}

// begin logs that the command begins, if that has not been done.
func (a *callAudit) begin() {
	if a.begun {
		return
	}
	a.begun = true
	a.line(a.head + "begins")
	socket := a.c.Opts.Socket
	if socket == protocol.DefaultSocket {
		socket = ""
	}
	a.file = journal.Begin(a.c.StateDir, a.s.whoGives(), commandLine(a.c), socket)
}

// whoGives names the person who gives the commands.
func (s *Session) whoGives() string {
	if s.who != "" {
		return s.who
	}
	return confine.Who(s.io.Env, confine.LoginUID())
}

// line logs a line of a command.
func (a *callAudit) line(text string) { a.s.audit.log(confine.Cut(text, maxAuditLine)) }

// Envelopes implements Log.
func (a *callAudit) Envelopes(ids []protocol.EnvelopeID) { auditIDs(a, ids) }

// Messages implements Log.
func (a *callAudit) Messages(ids []protocol.MessageID) { auditIDs(a, ids) }

// auditIDs logs ids in as many lines as they need.
func auditIDs[T fmt.Stringer](a *callAudit, ids []T) {
	if a.ended || len(ids) == 0 {
		return
	}
	a.begin()
	text, logged := a.short, make([]string, 0, len(ids))
	for _, id := range ids {
		if a.ids == maxAuditIDs {
			a.more++
			continue
		}
		a.ids++
		logged = append(logged, id.String())
		word := " " + id.String()
		if len(text)+len(word) > maxAuditLine {
			a.line(text)
			text = a.short
		}
		text += word
	}
	if text != a.short {
		a.line(text)
	}
	a.file.IDs(logged)
}

// End implements Log.
func (a *callAudit) End(err error) {
	if a.ended {
		return
	}
	a.ended = true
	if !a.begun && err == nil {
		return // it has changed nothing
	}
	a.begin()
	outcome := a.outcome(err)
	a.line(a.head + outcome)
	a.file.End(outcome, a.c.Copies, err != nil)
}

// commandLine is the command as it is logged, on one line.
func commandLine(c *command.Call) string {
	words := append([]string(nil), c.Path...)
	for _, f := range c.Cmd.Flags {
		switch v := c.Flag(f.Name); {
		case v != "" && f.Switch():
			words = append(words, "--"+f.Name)
		case v != "":
			words = append(words, "--"+f.Name, v)
		}
	}
	if c.Opts.Save != "" {
		words = append(words, "--save", c.Opts.Save)
	}
	if c.Opts.Expect >= 0 {
		words = append(words, "--expect", fmt.Sprint(c.Opts.Expect))
	}
	return render.Safe(strings.Join(words, " "))
}

// outcome says what came of a command: the numbers first, for they must not be
// what is cut off.
func (a *callAudit) outcome(err error) string {
	var parts []string
	if a.c.Cmd.Bulk() {
		counts := a.c.Counts
		if counts == nil {
			counts = []command.Count{{Name: "done"}}
		}
		for _, n := range append(counts, command.Count{Name: "ids not logged", N: a.more}) {
			if n.N > 0 || n.Name == "done" {
				parts = append(parts, fmt.Sprintf("%s=%d", n.Name, n.N))
			}
		}
	}
	switch {
	case err != nil:
		parts = append(parts, "failed: "+render.Safe(err.Error()))
	case len(parts) == 0:
		parts = append(parts, "done")
	}
	return strings.Join(parts, ", ")
}
