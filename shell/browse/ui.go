package browse

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/selector"
)

// A frame is one list that the user has gone into.
type frame struct {
	wish   wish
	base   []string // words that select what is in it
	filter []string // and those that the user has typed
	fields []*selector.Field
	list   *listing
	marks  marks
	picked map[string]bool // marked groups
	cursor int
	top    int
	id     protocol.EnvelopeID // at the cursor
	name   string              // of the group at the cursor
}

// words returns the words that select what is in the frame.
func (f *frame) words() []string { return slices.Concat(f.base, f.filter) }

// rows returns how many rows the frame has.
func (f *frame) rows() int {
	if f.list == nil {
		return 0
	}
	return f.list.rows(&f.wish)
}

// at returns the id of a row of envelopes.
func (f *frame) at(i int) protocol.EnvelopeID {
	if f.wish.sort != "" {
		return f.list.sorted[i].ID
	}
	return f.list.ids.at(i)
}

// A ui is what is on the screen.
type ui struct {
	c      *command.Call
	screen tcell.Screen
	w      *worker
	ctx    context.Context
	colors bool
	acts   bool // the session may change something
	now    func() time.Time
	lines  []line // of the screen, as they are drawn

	stack   []*frame
	gen     int
	over    overlay // what covers the list; nil for nothing
	input   *input  // the line that is being typed; nil for none
	message string  // of the last key
	bad     bool    // the message is an error
	running *action // what is being done
	asked   chan question
	pasting bool
	leaving bool
	suspend func() // stops the program, as Ctrl-Z does; nil where that cannot be
}

// An overlay covers the list.
type overlay interface {
	draw(u *ui, top, rows, cols int)
	key(u *ui, k *tcell.EventKey)
	title() string
}

// top returns the frame that is shown.
func (u *ui) top() *frame { return u.stack[len(u.stack)-1] }

// say shows a message on the bottom line.
func (u *ui) say(text string) { u.message, u.bad = text, false }

// fail shows an error on the bottom line.
func (u *ui) fail(text string) { u.message, u.bad = text, true }

// newUI returns a ui for a call of browse.
func newUI(ctx context.Context, c *command.Call, screen tcell.Screen) *ui {
	call := *c
	u := &ui{
		c: &call, screen: screen, ctx: ctx, now: time.Now, asked: make(chan question),
		acts:   !c.Opts.ReadOnly && !c.Opts.Restricted,
		colors: command.Colored(c.Opts.Color, true, c.Getenv),
	}
	u.w = newWorker(u.c)
	return u
}

// open goes into the list of what words select. It returns the error of the words.
func (u *ui) open(f *frame) error {
	if err := u.list(f); err != nil {
		return err
	}
	u.stack = append(u.stack, f)
	return nil
}

// list has a frame listed anew.
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
	f.wish.gen, f.wish.call, f.list = u.gen, call, nil
	u.w.want(f.wish)
	return nil
}

// isShape reports whether a word says in which order or columns, and is no term.
func isShape(word string) bool {
	return strings.HasPrefix(word, "sort=") || strings.HasPrefix(word, "columns=")
}

// hasShape reports whether there is such a word.
func hasShape(words []string) bool { return slices.ContainsFunc(words, isShape) }

// parse turns words into a call that writes and asks nowhere.
func (u *ui) parse(words []string) (*command.Call, error) {
	for _, w := range words {
		if w == "-" || w == "?" {
			return nil, command.Usagef("%q: want an id, or a term such as domain=example.com", w)
		}
	}
	call, err := u.c.Host.Parse(words)
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

// discard drops what is written.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// splitLine returns the words of a line.
func splitLine(line string) ([]string, error) {
	parsed := cmdline.Parse(line)
	switch {
	case parsed.Err != nil:
		return nil, parsed.Err
	case len(parsed.Commands) == 0:
		return nil, nil
	case len(parsed.Commands) > 1 || parsed.Commands[0].Redirected():
		return nil, command.Usagef("want terms, without ; | and >")
	}
	return parsed.Commands[0].Words, nil
}

// joinWords writes words as a line.
func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = grammar.Quote(w)
	}
	return strings.Join(quoted, " ")
}

// update takes over what the worker has found.
func (u *ui) update() {
	f := u.top()
	u.w.mu.Lock()
	list := u.w.list
	u.w.mu.Unlock()
	if list == nil || list.gen != f.wish.gen || list == f.list {
		return
	}
	had := f.list != nil
	f.list = list
	if had {
		u.follow(f)
	}
}

// follow keeps the cursor on what it was on.
func (u *ui) follow(f *frame) {
	offset := f.cursor - f.top
	u.w.mu.Lock()
	switch {
	case f.wish.by != "":
		if i := slices.IndexFunc(f.list.groups, func(g queue.Group) bool { return g.Name == f.name }); i >= 0 {
			f.cursor = i
		}
	case f.wish.sort != "":
		if i := slices.IndexFunc(f.list.sorted, func(e protocol.Envelope) bool { return e.ID == f.id }); i >= 0 {
			f.cursor = i
		}
	case f.cursor > 0:
		f.cursor = f.list.ids.search(f.id)
	}
	u.w.mu.Unlock()
	f.top = f.cursor - offset
}

// drawEvery is how often news are drawn at most.
const drawEvery = 50 * time.Millisecond

// loop shows the screen until the user leaves, ctx ends or the terminal goes.
func loop(ctx context.Context, c *command.Call, t *terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	u := newUI(ctx, c, t.Screen)
	u.suspend = t.suspend
	defer t.close()
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		words[i] = a.Text
	}
	if err := u.open(&frame{base: words}); err != nil {
		cancel()
		return err
	}
	// Little of what a million envelopes leave behind while they are listed is kept.
	defer debug.SetGCPercent(debug.SetGCPercent(40))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		u.w.run(ctx)
	}()
	err := u.events(ctx)
	cancel()
	t.close()
	<-ended
	u.w.panicked()
	return err
}

// events draws, and acts on keys and news.
func (u *ui) events(ctx context.Context) error {
	events := make(chan tcell.Event, 16)
	quit := make(chan struct{})
	defer close(quit)
	go u.screen.ChannelEvents(events, quit)
	tick := time.NewTicker(time.Second) // ages grow
	defer tick.Stop()
	var later <-chan time.Time
	for dirty := true; !u.leaving; {
		if dirty {
			u.draw()
		}
		dirty = true
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ev, ok := <-events:
			if !ok {
				return nil
			}
			if err := u.event(ev); err != nil {
				return err
			}
		case <-u.w.changed:
			if u.w.crashed() {
				return nil
			}
			if dirty = false; later == nil {
				later = time.After(drawEvery)
			}
		case <-later:
			later = nil
		case q := <-u.asked:
			u.ask(q)
		case <-tick.C:
		}
	}
	return nil
}

// event acts on what comes from the terminal.
func (u *ui) event(ev tcell.Event) error {
	switch ev := ev.(type) {
	case *tcell.EventResize:
		u.screen.Sync()
	case *tcell.EventPaste:
		u.pasting = ev.Start()
	case *tcell.EventError:
		return ev
	case *tcell.EventKey:
		u.key(ev)
	}
	return nil
}
