package browse

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/selector"
)

// A frame is one list on the stack of lists: the whole selection, a grouping of it, or a
// group. Its marks, like its cursor, belong to the ui.
type frame struct {
	wish   wish
	base   []string // the words that select its envelopes
	filter []string // the terms that the user has added
	fields []*selector.Field
	list   *listing
	marks  picks
	picked map[string]bool // the names of the marked groups
	cursor int
	top    int
	at     envelope // the envelope in the row at the cursor
	drawn  int      // the row of what was at the cursor when it was drawn last
	name   string   // the name of the group at the cursor
}

// words returns all words that select the envelopes of the frame.
func (f *frame) words() []string { return slices.Concat(f.base, f.filter) }

// rows returns how many rows the frame has. The caller holds the lock of the worker.
func (f *frame) rows() int {
	if f.list == nil {
		return 0
	}
	return f.list.rows(&f.wish)
}

// envelope returns the envelope in row i of a list of envelopes, from 0. The caller holds the
// lock of the worker.
func (f *frame) envelope(i int) envelope {
	if f.wish.sort != "" {
		i = int(f.list.sorted[i])
	}
	return f.list.envelope(i)
}

// A ui is the state of the screen. Only the goroutine of events uses it, but for w and asked.
type ui struct {
	c      *command.Call
	screen tcell.Screen
	w      *worker
	ctx    context.Context
	colors bool
	hosts  int  // the width of the column of the machines; 0 for one machine
	acts   bool // the session may change the queue
	now    func() time.Time
	lines  []line // the lines of the screen, as draw fills them

	stack   []*frame
	gen     int
	over    overlay // the overlay that covers the list, nil for none
	input   *input  // the line that the user is typing, nil for none
	ills    []ill   // the machines of several that do not answer, as draw has found them
	message string  // the message for the last key, "" for none
	bad     bool    // the message is an error
	running *action // the action that is being carried out, nil for none
	asked   chan question
	pasting bool
	leaving bool
	resync  bool             // the next draw sends the whole screen
	typing  chan tcell.Event // the events of the terminal
	typed   []tcell.Event    // events that came while the program was being stopped
	suspend func() error     // stops the program like Ctrl-Z in a shell; nil if that is not possible
}

// An overlay covers the list. draw draws it on the lines from top up to, but without, rows.
type overlay interface {
	draw(u *ui, top, rows, cols int)
	key(u *ui, k *tcell.EventKey)
	title() string
}

// top returns the frame on the screen.
func (u *ui) top() *frame { return u.stack[len(u.stack)-1] }

// say shows a message on the bottom line until the next key.
func (u *ui) say(text string) { u.message, u.bad = text, false }

// fail shows an error on the bottom line until the next key.
func (u *ui) fail(text string) { u.message, u.bad = text, true }

// newUI returns a ui for a call of browse, with a worker that is not running yet.
func newUI(ctx context.Context, c *command.Call, screen tcell.Screen) *ui {
	call := *c
	u := &ui{
		c: &call, screen: screen, ctx: ctx, now: time.Now, asked: make(chan question),
		acts:   !c.Opts.ReadOnly && !c.Opts.Restricted,
		colors: command.Colored(c.Opts.Color, true, c.Getenv),
	}
	u.w = newWorker(u.c)
	u.hosts = u.w.hostWidth()
	return u
}

// open lists a frame and puts it on top of the stack. If the words of the frame are wrong, it
// returns the error and changes nothing.
func (u *ui) open(f *frame) error {
	if err := u.list(f); err != nil {
		return err
	}
	u.stack = append(u.stack, f)
	return nil
}

// list tells the worker to list a frame again. It moves sort= and columns= from the filter to
// the order and the fields of the frame. It returns an error if the words of the frame are
// wrong.
func (u *ui) list(f *frame) error {
	call, err := u.parse(append([]string{"show", "queue"}, f.words()...))
	if err != nil {
		return err
	}
	key, limit := queue.SortOf(call)
	if limit > 0 {
		return command.Usagef("limit= does not go with browse")
	}
	if fields := queue.ColumnsOf(call); f.fields == nil || hasShape(f.filter) {
		f.fields = fields
	}
	if key != "" || hasShape(f.filter) {
		if key != "" {
			f.wish.sort = key
		}
		f.filter = slices.DeleteFunc(slices.Clone(f.filter), isShape)
		if call, err = u.parse(append([]string{"show", "queue"}, f.words()...)); err != nil {
			return err
		}
	}
	u.gen++
	f.wish.gen, f.wish.call, f.wish.skip, f.list = u.gen, call, u.w.skip(call), nil
	u.w.want(f.wish)
	return nil
}

// isShape reports whether a word sets the order or the columns, and so is not a term.
func isShape(word string) bool {
	return strings.HasPrefix(word, "sort=") || strings.HasPrefix(word, "columns=")
}

// hasShape reports whether a word for which isShape is true is among words.
func hasShape(words []string) bool { return slices.ContainsFunc(words, isShape) }

// parse returns the call of a command. The call reads no input, drops its output and asks no
// questions, unless the caller changes that. The words - and ? are refused.
func (u *ui) parse(words []string) (*command.Call, error) {
	for _, w := range words {
		if w == "-" || w == "?" {
			return nil, command.Usagef("%q: expected an id, or a term such as domain=example.com", w)
		}
	}
	call, err := u.c.Host.Parse(words, u.c.Opts.Host)
	if err != nil {
		return nil, err
	}
	if call == nil {
		return nil, command.Usagef("%q is no command", words)
	}
	call.Opts = u.c.Opts
	call.Opts.Output, call.Opts.From, call.Opts.Save = command.FormatPlain, "", ""
	call.Opts.Expect, call.Opts.Yes = -1, false
	call.In = strings.NewReader("")
	call.Out = command.NewOutput(discard{}, false, call.Out.Style)
	call.Err = discard{}
	call.Secret, call.Confirm = nil, nil
	call.Screen = func() (int, int) { return u.screen.Size() }
	return call, nil
}

// discard is an io.Writer that drops everything.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// splitLine splits a line of input into words. It refuses redirections and several commands.
func splitLine(line string) ([]string, error) {
	parsed := cmdline.Parse(line)
	switch {
	case parsed.Err != nil:
		return nil, parsed.Err
	case len(parsed.Commands) == 0:
		return nil, nil
	case len(parsed.Commands) > 1 || parsed.Commands[0].Redirected():
		return nil, command.Usagef("expected terms, without ; | and >")
	}
	return parsed.Commands[0].Words, nil
}

// joinWords is the reverse of splitLine: it quotes the words where needed.
func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = grammar.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// update takes over the list of the worker, if the worker has a newer one for the top frame.
func (u *ui) update() {
	f := u.top()
	u.w.mu.Lock()
	list := u.w.list
	if list != nil && u.w.several() && !list.done && f.wish.sort == "" && f.wish.by == "" {
		list = u.w.composed(false) // it has grown, and not at its end
	}
	u.w.mu.Unlock()
	if list == nil || list.gen != f.wish.gen || list == f.list {
		return
	}
	was := f.list
	f.list = list
	if was != nil && (f.cursor > 0 || was.done) {
		u.follow(f)
	}
}

// follow keeps the cursor on the same envelope or group, in the same line of the screen, after
// the list was replaced. If the user has moved the cursor since it was drawn, it
// stays as far from what was there.
func (u *ui) follow(f *frame) {
	offset, moved := f.cursor-f.top, f.cursor-f.drawn
	u.w.mu.Lock()
	switch {
	case f.wish.by != "":
		if i := slices.IndexFunc(f.list.groups, func(g queue.Group) bool { return g.Name == f.name }); i >= 0 {
			f.cursor = i + moved
		}
	case f.wish.sort != "":
		at := uint32(f.list.search(f.at))
		if i := slices.Index(f.list.sorted, at); i >= 0 && f.envelope(i) == f.at {
			f.cursor = i + moved
		}
	case f.cursor > 0:
		f.cursor = f.list.search(f.at) + moved
	}
	f.cursor = max(0, min(f.cursor, f.rows()-1))
	u.w.mu.Unlock()
	f.top, f.drawn = f.cursor-offset, f.cursor-moved // an overlay may hide the list until the next one
}
