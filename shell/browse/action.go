package browse

import (
	"context"
	"errors"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// An action is a command that is being carried out for what is marked.
type action struct {
	what   string
	cancel context.CancelFunc
	// The rest is guarded by the lock of the worker.
	done  bool
	lines []string
	err   error
}

// A question is asked by an action, and waits for its answer.
type question struct {
	text   string
	lines  []string
	answer chan bool
}

// act carries out a command for what is marked, or else for the row at the cursor.
// Package queue looks at it, asks, and acts; here is only where the answer comes from.
func (u *ui) act(verb ...string) {
	call, err := u.actCall(verb)
	if err != nil {
		u.fail(err.Error())
		return
	}
	u.carryOut(call, strings.Join(verb, " "))
}

// undo takes back the last change of the session.
func (u *ui) undo() {
	call, err := u.parse([]string{"undo"})
	if err != nil {
		u.fail(err.Error())
		return
	}
	u.carryOut(call, "undo")
}

// carryOut carries out a call that changes something.
func (u *ui) carryOut(call *command.Call, what string) {
	ctx, cancel := context.WithCancel(u.ctx)
	a := &action{what: what, cancel: cancel}
	var out, notes limited
	call.Mode = command.AtPrompt // somebody is there to answer
	call.AskAll = true
	call.Err = &notes
	call.Confirm = func(ctx context.Context, text string) bool {
		q := question{text: text, lines: notes.lines(), answer: make(chan bool, 1)}
		notes = limited{}
		return u.answer(ctx, q)
	}
	work := func(context.Context) bool {
		defer cancel()
		err := u.c.Host.RunTo(ctx, call, &out)
		u.w.mu.Lock()
		a.lines, a.err, a.done = append(out.lines(), notes.lines()...), err, true
		u.w.mu.Unlock()
		return true
	}
	if !u.w.do(work) {
		cancel()
		u.fail("smtpd has not answered yet: nothing done")
		return
	}
	u.running = a
}

// actCall returns the call of a command for what is marked.
func (u *ui) actCall(verb []string) (*command.Call, error) {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	if f.rows() == 0 {
		return nil, errors.New("there is nothing here to act on")
	}
	if f.wish.by != "" {
		g, err := f.group()
		if err != nil {
			return nil, err
		}
		return u.parse(slices.Concat(verb, f.words(), g.Terms))
	}
	ids := []protocol.EnvelopeID{f.at(f.cursor)}
	if f.marks.count > 0 {
		ids = f.marks.ids()
	}
	call, err := u.parse(append(slices.Clone(verb), ids[0].String()))
	if err == nil {
		queue.SetArg(call, ids)
	}
	return call, err
}

// group returns the group to act on: the terms of several cannot be joined.
func (f *frame) group() (*queue.Group, error) {
	at := f.cursor
	switch {
	case len(f.picked) > 1:
		return nil, errors.New("one group at a time: no terms select several")
	case len(f.picked) == 1:
		at = slices.IndexFunc(f.list.groups, func(g queue.Group) bool { return f.picked[g.Name] })
	}
	if at < 0 || len(f.list.groups[at].Terms) == 0 {
		return nil, errors.New("no terms select this group")
	}
	return &f.list.groups[at], nil
}

// answer has a question asked, and returns the answer. No answer is a no.
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

// ask asks a question on the bottom line.
func (u *ui) ask(q question) {
	cols, _ := u.screen.Size()
	var above []string
	for _, l := range q.lines {
		above = append(above, foldLine(l, cols)...)
	}
	if room := u.height() - 1; len(above) > room {
		above = above[:max(0, room)]
	}
	u.input = &input{label: render.Safe(render.Bound(q.text, render.MaxMessage)) + " [y/N] ", above: above, done: func(line string, ok bool) {
		line = strings.ToLower(strings.TrimSpace(line))
		q.answer <- ok && (line == "y" || line == "yes")
	}}
}

// finish says what has come of an action.
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
	switch {
	case errors.Is(a.err, command.ErrNotConfirmed) || errors.Is(a.err, context.Canceled) && len(lines) == 0:
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
