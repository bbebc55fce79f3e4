package shell

import (
	"context"
	"errors"
	"fmt"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// undoHelp is the help of undo, the dangers first.
const undoHelp = "An envelope that was in flight when it was removed may have been delivered already, and would be delivered twice:\n" +
	"undo says how many there are. A removal can be undone only if copies were kept. Deliveries and attempts that\n" +
	"happened meanwhile cannot be undone. undo touches only envelopes that the command has changed, and asks the same\n" +
	"questions as any command. A second undo takes back the change before, and so on."

// Bounds of what a session can take back.
const (
	maxChanges   = 20              // commands
	maxChangeIDs = command.MaxUndo // ids of all of them
)

// A change is a command of the session that changed something.
type change struct {
	typed string
	undo  command.Undo
	opts  command.Options // that it was given with
}

// ids returns how many ids the change holds.
func (c *change) ids() int { return len(c.undo.Envelopes) + len(c.undo.Messages) }

// changes are those that can be taken back, the newest last.
type changes []change

// add takes in what a call has changed, and forgets the oldest where that is too much.
func (cs *changes) add(c *command.Call) {
	if !c.Undo.Done() || !c.Mode.Lines() {
		return
	}
	*cs = append(*cs, change{command.PathOf(c), c.Undo, c.Opts})
	ids := 0
	for _, k := range *cs {
		ids += k.ids()
	}
	for len(*cs) > maxChanges || ids > maxChangeIDs && len(*cs) > 1 {
		ids -= (*cs)[0].ids()
		*cs = (*cs)[1:]
	}
}

// runUndo takes back the newest change. It stays the newest where nothing could be
// done about it for now.
func runUndo(ctx context.Context, c *command.Call) error {
	s := c.Host.(*Session)
	if len(s.changes) == 0 {
		return errors.New("undo: this session has changed nothing that can be undone; show journal lists the changes of other sessions")
	}
	last := s.changes[len(s.changes)-1]
	if last.undo.Refusal != "" {
		if !c.Opts.DryRun {
			s.changes = s.changes[:len(s.changes)-1]
		}
		return fmt.Errorf("undo: %s cannot be undone: %s", last.typed, last.undo.Refusal)
	}
	back, err := s.backCall(c, last)
	if err != nil {
		return fmt.Errorf("undo: %s: %w", last.typed, err)
	}
	c.Warnf("%s", render.Safe(fmt.Sprintf("undo: %s, by %s", last.typed, command.PathOf(back))))
	if c.Opts.DryRun && !back.Cmd.Bulk() {
		return nil
	}
	kept := s.changes
	err = s.run(ctx, back)
	c.Counts, s.changes = back.Counts, kept
	if !c.Opts.DryRun && !staysUndone(err) {
		s.changes = s.changes[:len(s.changes)-1]
	}
	return err
}

// staysUndone reports whether a change that could not be taken back can be the next time.
func staysUndone(err error) bool {
	var nothing *queue.NothingError
	return err != nil && !errors.As(err, &nothing) && !errors.Is(err, queue.ErrNoSuchID)
}

// backCall returns the call that takes a change back, on behalf of another.
func (s *Session) backCall(c *command.Call, last change) (*command.Call, error) {
	words := last.undo.Words
	if last.ids() > 0 {
		words = append(words[:len(words):len(words)], anyID) // stands for them until they are put in
	}
	back, err := s.resolve(s.parser().Args(append([]string{"--"}, words...)))
	if err != nil {
		return nil, err
	}
	if n := len(back.Args) - 1; last.ids() > 0 {
		back.Args[n] = queue.ArgSet(back.Args[n].Kind, last.undo.Envelopes, last.undo.Messages)
		back.Path[len(back.Path)-1] = back.Args[n].Text
	}
	back.Env, back.AskAll = c.Env, c.AskAll
	back.Opts = last.opts
	back.Opts.Save, back.Opts.From = "", ""
	back.Opts.Output, back.Opts.Color, back.Opts.Yes = c.Opts.Output, c.Opts.Color, c.Opts.Yes
	back.Opts.DryRun, back.Opts.Expect = c.Opts.DryRun, c.Opts.Expect
	return back, nil
}

// anyID is an envelope id of the form that the grammar wants.
const anyID = "0000000100000001"
