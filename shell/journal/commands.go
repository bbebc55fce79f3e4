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

// Commands are the commands that list what was changed.
var Commands = []*command.Command{
	{Pattern: "show journal", Group: command.GroupQueue, Origin: command.Own, State: true, Run: runShow,
		Summary: "list what was changed with this program, by this session and others",
		Help:    showHelp},
	{Pattern: "show journal <folder>", Group: command.GroupQueue, Origin: command.Own, Run: runShowFolder,
		Summary: "list what was saved to a folder by remove --save, and restored from it"},
}

// showHelp is the help of show journal.
const showHelp = "A line for each command: when it began, who gave it, its words and what came of it. \"copies in FOLDER\" says\n" +
	"where the copies are of what it removed: show queue --from FOLDER lists them, restore FOLDER puts them back.\n" +
	"With -j each has the ids, too. The journal is that of your user; what other users changed is in syslog."

// runShow lists the journal.
func runShow(_ context.Context, c *command.Call) error {
	if c.StateDir == "" {
		return errors.New("show journal: there is no home folder that it could be in")
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
		c.Warnf("show journal: nothing was changed yet")
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

// result says what came of the command.
func (e *Entry) result() string {
	switch {
	case e.Outcome != "":
		return e.Outcome
	case running(e.PID):
		return fmt.Sprintf("has not ended yet (process %d)", e.PID)
	}
	return fmt.Sprintf("was killed, after the request for %s had been made or was about to be", render.Plural(len(e.IDs), "id"))
}

// running reports whether there is a process of this number.
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
		return c.Print(command.Record{JSON: b, Text: render.Safe(text) + "\n"})
	}
	err := copies.EachRecord(c.Text(0), func(r *copies.Record) error {
		if r.Event != copies.Saved && r.Event != copies.Restored {
			return nil
		}
		if last == nil || last.Event != r.Event || r.Command != "" && (r.Command != last.Command || r.Who != last.Who) {
			if err := print(); err != nil {
				return err
			}
			last = &Batch{Time: r.Time, Event: r.Event, Who: r.Who, Command: r.Command}
		}
		last.Count++
		if len(last.IDs) < maxIDs {
			last.IDs = append(last.IDs, r.ID)
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; want a folder that remove --save has written", command.PathOf(c), command.FileError(err))
	case err != nil:
		return fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	return print()
}
