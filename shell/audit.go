package shell

import (
	"context"
	"errors"
	"fmt"
	"log/syslog"
	"os"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/journal"
	"smtpctl/shell/render"
)

// A command that changes something is logged to syslog, facility mail: the command and
// who gave it, before anything is sent; the ids of the envelopes, before the request
// for them is sent; and the outcome, before anything is printed. So the log shows what
// the program did, however it ends and whatever happens to its output. Without a syslog
// nothing can be logged.

// Limits of the log.
const (
	// auditTimeout is how long syslogd may take for a line. That of another machine may take
	// as long as its smtpd may, which --timeout says.
	auditTimeout  = time.Second
	maxAuditName  = 200     // bytes of who gave the command
	maxAuditLine  = 900     // bytes of all of a line: RFC 3164 allows 1024 with its head
	maxAuditWords = 500     // bytes of the words of a command
	maxAuditShort = 100     // the same, in a line with ids
	maxAuditIDs   = 100_000 // ids of one command; how many more there are is said
)

// An auditor logs the changes of a session. Its zero value logs to syslog.
type auditor struct {
	mu    sync.Mutex
	to    func(text string) // takes the lines instead of syslog, for tests
	w     *syslog.Writer
	stuck bool // syslogd did not take a line in time, or there is none: no more of this command is logged
	told  bool // that the journal cannot be written
}

// log logs one line. It waits once for a syslogd that is stuck.
func (a *auditor) log(text string) {
	a.mu.Lock() // commands on several machines run at the same time
	defer a.mu.Unlock()
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

// again lets a syslogd that was stuck be tried once more.
func (a *auditor) again() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stuck = false
}

// journaled takes note of whether the journal took a command. It returns what is to be said of
// an error, once until the journal takes a command again.
func (a *auditor) journaled(err error) (say string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	told := a.told
	if a.told = err != nil; !a.told || told {
		return ""
	}
	say = "smtpctl: the journal lacks this command, or a part of it: " + command.FileError(err).Error()
	if a.stuck {
		return say + "; syslog does not take it either"
	}
	return say + "; syslog has it"
}

// close closes the connection to syslogd.
func (a *auditor) close() {
	if a.w != nil {
		a.w.Close()
		a.w = nil
	}
}

// A callAudit is the log of one command.
type callAudit struct {
	s     *Session
	c     *command.Call
	head  string // of each line
	short string // of the lines with ids
	from  string // before each line in the log of another machine, "" if smtpd is here
	begun bool
	ended bool
	file  *journal.Writer
	ids   int // that were logged
	// farStuck says that the other machine did not take a line: no more is logged there.
	farStuck bool
	more     int // that were not
}

// auditBegin logs that a command begins, and returns the log for the rest, or nil if
// the command changes nothing.
func (s *Session) auditBegin(c *command.Call) command.Log {
	if !c.Cmd.Changes() || c.Opts.DryRun {
		return nil
	}
	s.audit.again()
	name, words := confine.Cut(s.whoGives(), maxAuditName)+": ", commandLine(c)
	from := ""
	if c.Elsewhere() {
		name, from = name+c.Opts.Host+": ", "from "+hostNameHere()+": "
	}
	a := &callAudit{s: s, c: c, from: from, head: name + confine.Cut(words, maxAuditWords) + ": ", short: name + confine.Cut(words, maxAuditShort) + ": ids"}
	if !c.Cmd.Repeated {
		a.begin()
	}
	return a
}

// begin logs that the command begins, unless that has been done.
func (a *callAudit) begin() {
	if a.begun {
		return
	}
	a.begun = true
	a.lines(a.head + "begins")
	socket := a.c.Opts.Socket
	if socket == protocol.DefaultSocket {
		socket = ""
	}
	if a.c.Elsewhere() {
		socket = strings.TrimSuffix(a.c.Opts.Host+":"+socket, ":")
	}
	a.file = journal.Begin(a.c.StateDir, a.s.whoGives(), commandLine(a.c), socket)
}

// whoGives returns the name of the person who gives the commands.
func (s *Session) whoGives() string {
	if s.who != "" {
		return s.who
	}
	return confine.Who(s.io.Env, confine.LoginUID())
}

// lines logs lines of a command: here and, if its smtpd is on another machine, there.
func (a *callAudit) lines(texts ...string) {
	var there []string
	for _, text := range texts {
		a.s.audit.log(confine.Cut(text, maxAuditLine))
		there = append(there, confine.Cut(a.from+text, maxAuditLine))
	}
	if a.c.Elsewhere() && !a.farStuck && len(there) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), a.c.Opts.Timeout)
		defer cancel()
		err := a.c.Far(a.c.Opts.Host).Log(ctx, a.c.Opts.Socket, there)
		if a.farStuck = err != nil; a.farStuck {
			where := "but not on the other machine"
			if errors.Is(err, os.ErrDeadlineExceeded) {
				where = "but perhaps not on the other machine"
			}
			a.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: the command is logged here, %s: %v", where, err)))
		}
	}
}

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
	var lines []string
	for _, id := range ids {
		if a.ids == maxAuditIDs {
			a.more++
			continue
		}
		a.ids++
		logged = append(logged, id.String())
		word := " " + id.String()
		if len(a.from)+len(text)+len(word) > maxAuditLine {
			lines = append(lines, text)
			text = a.short
		}
		text += word
	}
	if text != a.short {
		lines = append(lines, text)
	}
	a.lines(lines...)
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
	a.lines(a.head + outcome)
	if say := a.s.audit.journaled(a.file.End(outcome, a.c.Copies, err != nil)); say != "" {
		a.c.Warnf("%s", render.Safe(say))
	}
}

// commandLine returns the command for the log, on one line.
func commandLine(c *command.Call) string {
	return render.Safe(strings.Join(cmdline.Words(c), " "))
}

// outcome describes the outcome of a command. The numbers come first, so that they are
// not cut off.
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

// hostNameHere returns the name of this machine for the logs of other machines.
func hostNameHere() string {
	name, err := os.Hostname()
	if err != nil {
		return "another machine"
	}
	return render.Safe(name)
}
