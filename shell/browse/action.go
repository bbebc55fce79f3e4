package browse

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// An action is a command that is being carried out for the marked envelopes, for a group or
// for the row at the cursor.
type action struct {
	what   string
	cancel context.CancelFunc
	// For one of several machines, host is its name; for several, lines before the question
	// say how many envelopes are marked, and which machines do not answer.
	host    string
	prelude []string
	// The lock of the worker guards the fields below.
	done  bool
	at    string // the progress of the command, "" if the command has reported none
	lines []string
	err   error
}

// A question is what an action asks before it changes anything. The action waits until answer,
// which has room for one value, yields the answer.
type question struct {
	text   string
	lines  []string
	answer chan bool
}

// act starts a command for the marked envelopes, the marked group or, without marks, for the
// row at the cursor. Package queue checks the envelopes, asks the question and acts; this
// package only shows the question and returns the answer.
func (u *ui) act(verb ...string) {
	call, machines, err := u.actCall(verb)
	if err != nil {
		u.fail(err.Error())
		return
	}
	u.carryOut(call, strings.Join(verb, " "), machines)
}

// stops is the hint that tells how to stop an action.
const stops = "; Ctrl-C stops it"

// statusCols returns how many columns the screen has for the progress of an action.
func (u *ui) statusCols() int {
	cols, _ := u.screen.Size()
	return cols - len(stops)
}

// status returns the line that names the running action and its progress.
func (u *ui) status() string {
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	if u.running.at == "" {
		return u.running.what + " is being carried out" + stops
	}
	return u.running.at + stops
}

// undo starts the command undo, which takes back the last change of the session.
func (u *ui) undo() {
	call, err := u.parse([]string{"undo"})
	if err != nil {
		u.fail(err.Error())
		return
	}
	u.carryOut(call, "undo", u.w.all(0))
}

// carryOut hands a call that may change the queue of machines to the worker. The call asks before
// it acts, even in a session with --yes. It fails if the worker has too many jobs already, which
// is so when smtpd does not answer.
func (u *ui) carryOut(call *command.Call, what string, machines []int) {
	ctx, end := context.WithCancelCause(u.ctx)
	cancel := func() { end(&command.SignalError{Sig: syscall.SIGINT}) } // the cause that Ctrl-C has at the prompt
	a := &action{what: what, cancel: cancel}
	var out, notes limited
	call.Mode = command.AtPrompt // a user is there to answer questions
	call.AskAll = true
	call.Err = command.NewStatusLine(&notes, u.statusCols, func(text string) {
		u.w.mu.Lock()
		a.at = text
		u.w.mu.Unlock()
		poke(u.w.changed)
	})
	call.Confirm = func(ctx context.Context, text string) bool {
		q := question{text: text, lines: slices.Concat(a.prelude, a.named(notes.lines())), answer: make(chan bool, 1)}
		notes = limited{}
		defer call.HoldConsole()()
		return u.answer(ctx, q)
	}
	work := func(context.Context) bool {
		defer cancel()
		err := u.c.Host.RunTo(ctx, call, &out)
		u.w.mu.Lock()
		a.lines, a.err, a.done = append(a.named(out.lines()), a.named(notes.lines())...), err, true
		u.w.mu.Unlock()
		return true
	}
	if u.w.several() {
		u.w.tasks.Go(func() { u.across(ctx, a, call, machines, work) })
	} else if !u.w.sources[0].do(work) {
		cancel()
		u.fail("smtpd has not answered yet: nothing done")
		return
	}
	u.running = a
}

// actCall returns the call of a command for the marked envelopes, the marked group or, without
// marks, for the row at the cursor, and the machines that it is for.
func (u *ui) actCall(verb []string) (*command.Call, []int, error) {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	if f.rows() == 0 {
		return nil, nil, errors.New("there is nothing here to act on")
	}
	if f.wish.by != "" {
		g, only, err := u.group(f)
		if err != nil {
			return nil, nil, err
		}
		words := slices.Concat(f.words(), g.Terms)
		if len(words) == 0 { // the whole queue of a machine
			words = []string{"all"}
		}
		call, err := u.parse(slices.Concat(verb, words))
		if err != nil {
			return nil, nil, err
		}
		machines := u.w.all(only)
		if skip := u.w.skip(call); skip != nil {
			machines = slices.DeleteFunc(machines, func(m int) bool { return skip[m] })
		}
		return call, machines, nil
	}
	at := f.envelope(f.cursor)
	machines, ids := []int{at.machine}, map[int][]protocol.EnvelopeID{at.machine: {at.id}}
	if f.marks.count > 0 {
		machines, ids = f.marks.machines()
	}
	call, err := u.parse(append(slices.Clone(verb), ids[machines[0]][0].String()))
	if err != nil {
		return nil, nil, err
	}
	queue.SetArg(call, ids[machines[0]])
	if len(machines) > 1 {
		call.ForHost = func(c *command.Call) {
			c.Args, c.Path = slices.Clone(c.Args), slices.Clone(c.Path)
			queue.SetArg(c, ids[u.w.machine(c.Opts.Host)])
		}
	}
	return call, machines, nil
}

// group returns the marked group or, without marks, the group at the cursor, and the machine to
// which it belongs as wish.only says it. It is an error if several groups are marked, since no
// list of terms selects several groups, or if no terms select the group.
func (u *ui) group(f *frame) (g *queue.Group, only int, err error) {
	at := f.cursor
	switch {
	case len(f.picked) > 1:
		return nil, 0, errors.New("one group at a time: no terms select several")
	case len(f.picked) == 1:
		at = slices.IndexFunc(f.list.groups, func(g queue.Group) bool { return f.picked[g.Name] })
	}
	if at >= 0 {
		g = &f.list.groups[at]
		if only = u.w.only(f, g); only > 0 || len(g.Terms) > 0 {
			return g, only, nil
		}
	}
	return nil, 0, errors.New("no terms select this group")
}

// answer has the ui ask a question and waits for the answer. It returns false if ctx ends
// before the user has answered. It is called by the worker.
func (u *ui) answer(ctx context.Context, q question) bool {
	select {
	case u.asked <- q:
	case <-ctx.Done():
		return false
	}
	select {
	case yes := <-q.answer:
		return yes
	case <-ctx.Done():
		return false
	}
}

// ask shows a question on the bottom line, with the lines that explain it above it. Any line
// other than y or yes is a no.
func (u *ui) ask(q question) {
	cols, _ := u.screen.Size()
	room := max(0, u.height()-1)
	above := foldLines(q.lines, cols)
	if u.w.several() {
		above = aboveAcross(q.lines, cols, room)
	}
	if len(above) > room {
		above = above[:room]
	}
	u.input = &input{label: render.Safe(render.Bound(q.text, render.MaxMessage)) + " [y/N] ", above: above, done: func(line string, ok bool) {
		line = strings.ToLower(strings.TrimSpace(line))
		q.answer <- ok && (line == "y" || line == "yes")
	}}
}

// finish shows the result of the running action, if the action has ended. Marks are cleared
// only if it succeeded.
func (u *ui) finish() {
	a := u.running
	if a == nil {
		return
	}
	u.w.mu.Lock()
	done := a.done
	u.w.mu.Unlock()
	if !done {
		return
	}
	u.running, u.input = nil, nil
	lines := a.lines
	var stopped *command.SignalError
	switch {
	case errors.Is(a.err, command.ErrNotConfirmed) || (errors.Is(a.err, context.Canceled) || errors.As(a.err, &stopped)) && len(lines) == 0:
		u.say(a.what + ": nothing done")
		return
	case a.err != nil:
		lines = append(lines, render.Safe(render.Bound(a.err.Error()+command.Advice(a.err), render.MaxMessage)))
		u.fail(lines[len(lines)-1])
	default:
		f := u.top()
		f.marks.clear()
		f.picked = nil
		if len(lines) > 0 {
			u.say(lines[0])
		}
	}
	if len(lines) > 1 {
		u.over = &text{head: a.what, lines: lines}
	}
}
