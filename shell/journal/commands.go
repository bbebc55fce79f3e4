package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/render"
)

// Commands are the commands that list changes.
var Commands = []*command.Command{
	{Pattern: "show journal", Reach: command.Anywhere, Rows: []any{Entry{}}, Group: command.GroupQueue, Origin: command.Own, State: true, Run: runShow,
		Summary: "list the changes made with this program, in this session and others",
		Help:    showHelp},
	{Pattern: "show journal <folder>", Reach: command.Anywhere, Rows: []any{Batch{}}, Group: command.GroupQueue, Origin: command.Own, Run: runShowFolder,
		Summary: "list the mail that remove --save has copied to a folder, and what was restored from it"},
}

// showHelp is the help of show journal.
const showHelp = "Each line is one command: when it began, who gave it, its words and its outcome. \"copies in FOLDER\" names the\n" +
	"folder with copies of the removed mail: show queue --from FOLDER lists them, restore FOLDER puts them back. -j adds\n" +
	"the ids. Each user has a journal of their own; syslog has the changes of all users."

// runShow lists the journal.
func runShow(_ context.Context, c *command.Call) error {
	if c.StateDir == "" {
		return errors.New("show journal: no home folder to keep the journal in: set HOME or XDG_STATE_HOME")
	}
	all, err := Read(c.StateDir)
	if err != nil {
		return fmt.Errorf("show journal: %w", command.FileError(err))
	}
	for _, e := range all {
		if err := c.Print(command.Record{JSON: e, Text: render.Safe(e.text()) + "\n"}); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		c.Warnf("show journal: nothing has been changed yet")
	}
	return nil
}

// text returns the entry on one line.
func (e *Entry) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s: %s", time.Unix(int64(e.Time), 0).Format(time.DateTime), e.Who, e.Command, e.result())
	if e.Copies != "" {
		fmt.Fprintf(&b, ", copies in %s", e.Copies)
	}
	return b.String()
}

// result returns the outcome of the command.
func (e *Entry) result() string {
	switch {
	case e.Outcome != "":
		return e.Outcome
	case running(e.PID):
		return fmt.Sprintf("has not ended yet (process %d)", e.PID)
	}
	return fmt.Sprintf("was killed, after the request for %s had been made or was about to be", render.Plural(len(e.IDs), "id"))
}

// running reports whether a process with this number exists.
func running(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && pid > 0 && p.Signal(syscall.Signal(0)) == nil
}

// A Batch is what one command did with the copies in a folder.
type Batch struct {
	Time    render.Time  `json:"time"`
	Event   copies.Event `json:"event"`
	Who     string       `json:"who,omitempty"`
	Command string       `json:"command,omitempty"`
	Host    string       `json:"host,omitempty"` // another machine, whose mail it is
	Count   int          `json:"envelopes"`
	IDs     []string     `json:"ids"`
}

// runShowFolder lists the journal beside copies, a line for each command.
func runShowFolder(_ context.Context, c *command.Call) error {
	var last *Batch
	print := func() error {
		if last == nil {
			return nil
		}
		b := last
		text := fmt.Sprintf("%s %s: %s: %s %s", time.Unix(int64(b.Time), 0).Format(time.DateTime), b.Who, b.Command, render.Plural(b.Count, "envelope"), b.Event)
		if b.Host != "" {
			text += " from " + b.Host
		}
		return c.Print(command.Record{JSON: b, Text: render.Safe(text) + "\n"})
	}
	err := copies.EachRecord(c.Text(0), func(r *copies.Record) error {
		if r.Event != copies.Saved && r.Event != copies.Restored {
			return nil
		}
		if last == nil || last.Event != r.Event || last.Host != r.Host || r.Command != "" && (r.Command != last.Command || r.Who != last.Who) {
			if err := print(); err != nil {
				return err
			}
			last = &Batch{Time: r.Time, Event: r.Event, Who: r.Who, Command: r.Command, Host: r.Host}
		}
		last.Count++
		if len(last.IDs) < maxIDs {
			last.IDs = append(last.IDs, r.ID)
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; expected a folder that remove --save has written", command.PathOf(c), command.FileError(err))
	case err != nil:
		return fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	return print()
}
