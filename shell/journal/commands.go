package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Commands are the commands that list changes.
var Commands = []*command.Command{
	{Pattern: "show journal", Reach: command.Anywhere, Rows: []any{Entry{}}, Group: command.GroupQueue, Origin: command.Own, State: true, Run: runShow,
		Summary: "list the changes made with this program, in this session and others",
		Help:    showHelp},
	{Pattern: "show journal <folder>", Reach: command.Anywhere, Rows: []any{Batch{}}, Group: command.GroupQueue, Origin: command.Own, Run: runShowFolder,
		Summary: "list the mail that remove --save has copied to a folder, and what was restored from it",
		Help:    folderHelp},
}

// showHelp is the help of show journal.
const showHelp = "Each line is one command: when it began, who gave it, its words and its outcome. \"copies in FOLDER\" names the\n" +
	"folder with copies of the removed mail: show queue --from FOLDER lists them, restore FOLDER puts them back. -j adds\n" +
	"the ids. Each user has a journal of their own; syslog has the changes of all users."

// folderHelp is the help of show journal with a folder.
const folderHelp = "Each line is what one command did: how many envelopes it saved, from which other machine, or restored, into the\n" +
	"queue of which other machine. A restore that was interrupted has a line that says how far it came: the same\n" +
	"restore goes on. -j adds the ids, in the queue too, and what was recorded of each envelope."

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
