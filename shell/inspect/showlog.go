package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// logHelp is the help of show log.
const logHelp = "Give ids of envelopes or messages, or the beginning of one; an address or @domain of senders or recipients; or terms,\n" +
	"which select mail that is in the queue now. Ids and addresses also find mail that has left the queue, as far back as\n" +
	"the log goes, and addresses also find senders and recipients that smtpd rejected. The log is the mail log in /var/log\n" +
	"with its rotated files, the FILE given with --log, or, without such a file, the journal of systemd. Standard\n" +
	"input takes the journal of another machine:\n" +
	"journalctl -t smtpd -o short-iso | smtpctl show log --log - user@example.com"

// parseLogged parses one word of show log.
func parseLogged(word string) (any, error) {
	if _, _, _, term := selector.Split(word); !term && strings.Contains(word, "@") && !queue.CarriesHost(word) {
		return loggedAddress(strings.ToLower(word)), nil
	}
	if v, err := queue.ParseSelector(word); err == nil && word != "-" && word != command.LastListing {
		return v, nil
	}
	return nil, errors.New("expected an id, an address, @domain, or a term such as domain=example.com")
}

// A loggedAddress is an address of a sender or recipient, or @DOMAIN, in lower case.
type loggedAddress string

// NamesMail implements command.Namer.
func (loggedAddress) NamesMail() {}

// checkLog refuses arguments that cannot be searched for.
func checkLog(c *command.Call) error {
	names := 0
	for _, a := range c.Args {
		if id, ok := a.Value.(queue.IDArg); ok && !id.Whole() && len(c.Args) > 1 {
			return command.Usagef("%s: %q: expected 8 or 16 hex digits where there is more than one word", command.PathOf(c), a.Text)
		}
		if _, ok := a.Value.(command.Namer); ok {
			names++
		}
	}
	switch {
	case names > 0 && names < len(c.Args):
		return command.Usagef("%s: expected terms, or ids and addresses, not both", command.PathOf(c))
	case c.Opts.Log == "-" && c.Mode.StdinTaken():
		return command.Usagef("%s: --log - reads standard input, which is taken by the script: use -f for the script", command.PathOf(c))
	case c.Opts.Log == "-" && c.Mode.Interactive():
		return command.Usagef("%s: --log - reads standard input, which is your keyboard here: name a file, or pipe the log into smtpctl", command.PathOf(c))
	}
	return queue.CheckSelection(c)
}

// runShowLog prints the history of messages from smtpd's log.
func runShowLog(ctx context.Context, c *command.Call) error {
	q, err := logQuery(ctx, c)
	if err != nil {
		return err
	}
	r := maillog.NewReader(q)
	unread := readLog(ctx, c, r)
	stories := r.Stories()
	if unread != nil && (ctx.Err() != nil || len(stories) == 0) {
		return fmt.Errorf("%s: %w", command.PathOf(c), unread)
	}
	for n, b := range q.Begins {
		if found := r.Found(n); len(found) > 1 {
			return fmt.Errorf("%s: %w", command.PathOf(c), queue.PickID(b.Text, found))
		}
	}
	for _, s := range stories {
		if err := c.Print(command.Record{Parts: storyParts(s)}); err != nil {
			return err
		}
	}
	if n, from, to := r.Left(); n > 0 {
		c.Warnf("smtpctl: %s", leftOut(n, from, to))
	}
	if unread != nil {
		return fmt.Errorf("%s: the log was not read in full, so events may be missing: %w", command.PathOf(c), unread)
	}
	if len(stories) == 0 && r.Lines == 0 {
		return fmt.Errorf("%s: the log has no line from smtpd: if smtpd logs elsewhere, name that log with --log", command.PathOf(c))
	}
	if len(stories) == 0 {
		return fmt.Errorf("%s: the log does not mention it", command.PathOf(c))
	}
	return nil
}

// logQuery returns the query for the arguments.
func logQuery(ctx context.Context, c *command.Call) (maillog.Query, error) {
	q := maillog.Query{Envelopes: map[protocol.EnvelopeID]bool{}, Messages: map[protocol.MessageID]bool{}}
	terms := false
	for _, a := range c.Args {
		switch v := a.Value.(type) {
		case loggedAddress:
			q.Addresses = append(q.Addresses, string(v))
		case queue.IDArg:
			switch lo, hi := v.Bounds(); {
			case !v.Whole():
				q.Begins = append(q.Begins, maillog.Beginning{Text: v.Text, Lo: lo, Hi: hi})
			case v.Envelope() != 0:
				q.Envelopes[v.Envelope()] = true
			default:
				q.Messages[v.Message()] = true
			}
		default:
			terms = true
		}
	}
	if !terms {
		return q, nil
	}
	err := queue.EachSelected(ctx, c, c.Args, func(e *protocol.Envelope) (bool, error) {
		if len(q.Envelopes) == maxLogged && !q.Envelopes[e.ID] {
			return false, command.Usagef("%s: more than %d envelopes match: give terms that select fewer", command.PathOf(c), maxLogged)
		}
		q.Envelopes[e.ID] = true
		return true, nil
	})
	if err == nil && len(q.Envelopes) == 0 {
		err = fmt.Errorf("%s: no envelope in the queue matches", command.PathOf(c))
	}
	return q, err
}

// maxLogged is how many envelopes can be searched for in the log.
const maxLogged = 100_000

// readLog reads the log that the user asks for. A file that cannot be read does not
// stop the others.
func readLog(ctx context.Context, c *command.Call, r *maillog.Reader) error {
	if c.Opts.Log == "-" && command.IsTerminal(c.In) {
		defer c.HoldConsole()() // somebody types it
	}
	p := c.Progress("MiB of the log read:", 0)
	defer p.End()
	progress := func(int) { p.Step() }
	if c.Opts.Log == "-" {
		return r.Read(ctx, c.In, time.Now(), progress)
	}
	files := []string{c.Opts.Log}
	if far := c.FarFiles(ctx); far != nil {
		return readFarLog(ctx, c, r, far, files, progress)
	}
	if c.Opts.Log == "" {
		var err error
		if files, err = maillog.Files(maillog.Dir); errors.Is(err, maillog.ErrNone) {
			return readJournal(ctx, c, r, progress)
		} else if err != nil {
			return noLog(err)
		}
	}
	p.Of(maillog.Plain(files) >> 20)
	return unreadFiles(r.ReadFiles(ctx, files, progress))
}

// readFarLog is readLog for the log of another machine.
func readFarLog(ctx context.Context, c *command.Call, r *maillog.Reader, far command.FarFiles, files []string, progress func(int)) (err error) {
	if zone, ok := c.Far(c.Opts.Host).Zone(); ok {
		r.In(zone)
	}
	if c.Opts.Log == "" {
		files, err = maillog.FilesOn(far, maillog.Dir)
	}
	if errors.Is(err, maillog.ErrNone) {
		j, jerr := far.Journal(0)
		if errors.Is(jerr, fs.ErrNotExist) {
			return noLog(err)
		} else if jerr != nil {
			return jerr
		}
		defer j.Close()
		if err := r.Read(ctx, j, time.Now(), progress); err != nil {
			return err
		}
		return noJournal(r)
	}
	if err != nil {
		return err
	}
	return unreadFiles(r.ReadFilesOn(ctx, far, files, progress))
}

// unreadFiles makes one error of those of several files.
func unreadFiles(errs []error) error {
	var unread []string
	for _, err := range errs {
		if command.Status(err) == command.StatusUnreachable {
			return err
		}
		unread = append(unread, command.FileError(err).Error())
	}
	if unread != nil {
		return errors.New(strings.Join(unread, "; "))
	}
	return nil
}

// prepareLog starts to read the journal of systemd, if the log is nowhere else, before
// the process loses the right to start programs.
func prepareLog(c *command.Call) ([]uint16, error) {
	if c.Opts.Log == "" && !c.Elsewhere() {
		if _, err := maillog.Files(maillog.Dir); errors.Is(err, maillog.ErrNone) {
			if j, err := maillog.OpenJournal(0); err == nil {
				c.Prepared = j
			}
		}
	}
	return nil, nil
}

// readJournal reads the journal of systemd.
func readJournal(ctx context.Context, c *command.Call, r *maillog.Reader, progress func(int)) error {
	j, ok := c.Prepared.(*maillog.Journal)
	if !ok {
		var err error
		if j, err = maillog.OpenJournal(0); errors.Is(err, maillog.ErrNoJournal) {
			return noLog(maillog.ErrNone)
		} else if err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, j.Interrupt)
	defer stop()
	err := r.Read(ctx, j, time.Now(), progress)
	if cerr := j.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = noJournal(r)
	}
	return err
}

// noJournal returns an error if the journal has had no line of smtpd.
func noJournal(r *maillog.Reader) error {
	if r.Lines > 0 {
		return nil
	}
	return noLog(errors.New("no log of mail in " + maillog.Dir + ", and none of smtpd in the journal"))
}

// leftOut says how many events were left out, and when the first and the last of them
// happened.
func leftOut(n int, from, to render.Time) string {
	when := ""
	if from != 0 {
		when = fmt.Sprintf(", from %s to %s", time.Unix(int64(from), 0).Format(time.DateTime), time.Unix(int64(to), 0).Format(time.DateTime))
	}
	return fmt.Sprintf("the log has more events than fit in memory: the first and the newest are shown, and %s between them left out%s; ask for fewer messages", render.Plural(n, "event"), when)
}

// noLog adds advice to the error for a missing log file.
func noLog(err error) error {
	return fmt.Errorf("%w: name it with --log FILE, or pipe in that of another machine: journalctl -t smtpd -o short-iso | smtpctl show log --log - WHAT", err)
}

// storyParts returns the events of a message's history, with a line for the message in
// text.
func storyParts(s *maillog.Story) func(yield func(command.Record, error) bool) {
	return func(yield func(command.Record, error) bool) {
		for i := range s.Events {
			e := &s.Events[i]
			text := "  " + render.Safe(e.Text()) + "\n"
			if i == s.LeftAt && s.Left > 0 {
				text = fmt.Sprintf("  (%s left out here)\n", render.Plural(s.Left, "event")) + text
			}
			switch {
			case i > 0:
			case s.Message == "":
				text = "session " + s.Session + ", what was rejected in it\n" + text
			default:
				text = "message " + s.Message + "\n" + text
			}
			if !yield(command.Record{JSON: e, Text: text}, nil) {
				return
			}
		}
	}
}
