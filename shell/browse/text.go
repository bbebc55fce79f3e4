package browse

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// maxText is how many bytes of the output of a command are shown at most.
const maxText = 1 << 20

// A text is an overlay that shows lines of text.
type text struct {
	head   string
	lines  []string // safe for a terminal; guarded by the lock of the worker
	cancel context.CancelFunc
	from   int // the index of the first folded line on the screen
	page   int // how many lines the screen shows
	cols   int
	folded []string // lines, folded to cols columns
	count  int      // how many of lines are in folded
}

func (t *text) title() string { return t.head }

// fold folds the lines that were added since the last call, or all lines if the number of
// columns has changed. The caller holds the lock of the worker.
func (t *text) fold(cols int) {
	if cols != t.cols {
		t.cols, t.count, t.folded = cols, 0, nil
	}
	for ; t.count < len(t.lines); t.count++ {
		t.folded = append(t.folded, foldLine(t.lines[t.count], cols)...)
	}
}

// foldLine splits a line of safe text into lines of at most cols columns, between words where
// possible.
func foldLine(line string, cols int) []string {
	var out []string
	cols = max(cols, 1)
	for runewidth.StringWidth(line) > cols {
		part := render.Cut(line, cols)
		if part == "" {
			break
		}
		if i := strings.LastIndexByte(part, ' '); i > len(part)/2 {
			part = part[:i+1]
		}
		out = append(out, part)
		line = line[len(part):]
	}
	return append(out, line)
}

// foldLines folds lines as foldLine does.
func foldLines(lines []string, cols int) []string {
	var out []string
	for _, l := range lines {
		out = append(out, foldLine(l, cols)...)
	}
	return out
}

func (t *text) draw(u *ui, top, rows, cols int) {
	u.w.mu.Lock()
	t.fold(cols)
	u.w.mu.Unlock()
	t.page = max(1, rows-top)
	t.from = max(0, min(t.from, len(t.folded)-t.page))
	for i := 0; i < t.page && t.from+i < len(t.folded); i++ {
		style := plain
		if strings.HasPrefix(t.folded[t.from+i], sectionMark) {
			style = bold
		}
		u.line(top+i, t.folded[t.from+i], style)
	}
}

func (t *text) key(u *ui, k *tcell.EventKey) {
	switch k.Key() {
	case tcell.KeyDown, tcell.KeyEnter:
		t.from++
	case tcell.KeyUp:
		t.from--
	case tcell.KeyPgDn, tcell.KeyCtrlF:
		t.from += t.page
	case tcell.KeyPgUp, tcell.KeyCtrlB:
		t.from -= t.page
	case tcell.KeyHome:
		t.from = 0
	case tcell.KeyEnd:
		t.from = far
	case tcell.KeyEscape, tcell.KeyBackspace, tcell.KeyBackspace2, tcell.KeyLeft:
		t.close(u)
	case tcell.KeyCtrlC:
		t.close(u)
		u.leaving = true
	case tcell.KeyCtrlL:
		u.resync = true
	case tcell.KeyRune:
		switch string(k.Rune()) {
		case "j":
			t.from++
		case "k":
			t.from--
		case " ":
			t.from += t.page
		case "<":
			t.from = 0
		case ">":
			t.from = far
		case "?":
			t.close(u)
			u.showKeys()
		case "q":
			t.close(u)
		}
	}
}

// close removes the text, and ends the commands that still write to it.
func (t *text) close(u *ui) {
	if t.cancel != nil {
		t.cancel()
	}
	u.over = nil
}

// sectionMark is the beginning of the line above each section of a text.
const sectionMark = "== "

// showKeys shows a text with the keys of the list.
func (u *ui) showKeys() {
	t := &text{head: "keys of browse"}
	for _, b := range bindings() {
		if !b.acts || u.acts {
			t.lines = append(t.lines, fmt.Sprintf("%-14s %s", b.keys, b.text))
		}
	}
	if !u.acts {
		t.lines = append(t.lines, "", "Nothing can be changed in this session: it is read-only or restricted.")
	}
	t.lines = append(t.lines, "", "An action is for what is marked, or else for the row at the cursor. It asks first, says what it is",
		"for, and does nothing unless it is told y. Escape or q leaves a text like this one.")
	u.over = t
}

// look shows a text about an envelope: why it is in the queue, the headers of its message, and
// its lines in the log, each as its command prints it. The text grows while the commands run.
func (u *ui) look(e envelope) {
	id := e.id
	ctx, cancel := context.WithCancel(u.ctx)
	t := &text{head: "envelope " + id.String() + u.w.on(e.machine), cancel: cancel}
	t.lines = []string{"looking, Escape goes back"}
	parts := []struct {
		head  string
		words []string
		flag  string
	}{
		{"why it is in the queue", []string{"explain", id.String()}, ""},
		{"its message", []string{"show", "message", id.Msg().String()}, "headers"},
		{"its story in the log", []string{"show", "log", id.String()}, ""},
	}
	work := func(context.Context) bool {
		defer cancel()
		for i, p := range parts {
			lines := append([]string{sectionMark + p.head}, u.output(ctx, e.machine, p.words, p.flag)...)
			u.w.mu.Lock()
			if i == 0 {
				t.lines, t.count, t.folded = nil, 0, nil
			}
			t.lines = append(append(t.lines, lines...), "")
			u.w.mu.Unlock()
			poke(u.w.changed)
			if ctx.Err() != nil {
				break
			}
		}
		return false
	}
	if !u.w.sources[e.machine].do(work) {
		cancel()
		u.fail("smtpd" + u.w.on(e.machine) + " has not answered yet")
		return
	}
	u.over = t
}

// output runs a command for a machine and returns the lines of its warnings, its output and its
// error. If flag is not "", that flag of the command is set.
func (u *ui) output(ctx context.Context, machine int, words []string, flag string) []string {
	if !u.w.enter(ctx) {
		return nil
	}
	defer u.w.leave()
	call, err := u.parse(words)
	var out, notes limited
	if err == nil {
		call = u.w.sources[machine].of(call)
		if flag != "" {
			call.Opts.SetOwn(flag, "true")
		}
		call.Err = &notes
		err = u.c.Host.RunTo(ctx, call, &out)
	}
	lines := append(notes.lines(), out.lines()...)
	if err != nil && ctx.Err() == nil {
		lines = append(lines, render.Safe(render.Bound(err.Error()+command.Advice(err), render.MaxMessage)))
	}
	return lines
}

// A limited keeps the first maxText bytes that are written to it. Write never fails.
type limited struct {
	b   bytes.Buffer
	cut bool
}

func (l *limited) Write(p []byte) (int, error) {
	room := max(0, maxText-l.b.Len())
	l.cut = l.cut || room < len(p)
	l.b.Write(p[:min(room, len(p))])
	return len(p), nil
}

// lines returns the bytes kept as lines of safe text, with a note if some were dropped.
func (l *limited) lines() []string {
	if l.b.Len() == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
	for i, line := range lines {
		lines[i] = render.Safe(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
	}
	if l.cut {
		lines = append(lines, "and more, which is left out here")
	}
	return lines
}

// A choice is an overlay that shows words, of which the user chooses one.
type choice struct {
	head   string
	words  []string
	cursor int
	letter string // the last letter that was typed
	chosen func(word string)
}

// choose shows a choice. It calls chosen with the word that the user chooses, or not at all.
func (u *ui) choose(head string, words []string, chosen func(word string)) {
	u.over = &choice{head: head, words: words, chosen: chosen}
}

func (c *choice) title() string { return c.head + ": Enter, or the first letter" }

func (c *choice) draw(u *ui, top, rows, cols int) {
	height := max(1, rows-top)
	from := max(0, c.cursor-height+1)
	for i := from; i < min(len(c.words), from+height); i++ {
		u.drawRow(top+i-from, i == c.cursor, false, func(style tcell.Style, _ bool) line { return line{{c.words[i], style}} })
	}
}

func (c *choice) key(u *ui, k *tcell.EventKey) {
	switch k.Key() {
	case tcell.KeyDown, tcell.KeyTab:
		c.cursor = (c.cursor + 1) % len(c.words)
	case tcell.KeyUp, tcell.KeyBacktab:
		c.cursor = (c.cursor + len(c.words) - 1) % len(c.words)
	case tcell.KeyEnter:
		u.over = nil
		c.chosen(c.words[c.cursor])
	case tcell.KeyEscape, tcell.KeyBackspace, tcell.KeyBackspace2, tcell.KeyCtrlC:
		u.over = nil
	case tcell.KeyRune:
		if k.Rune() == 'q' {
			u.over = nil
			return
		}
		c.jump(string(k.Rune()))
	}
}

// jump moves the cursor to the first word that begins with a letter, or to the next such word
// if the letter is typed again.
func (c *choice) jump(letter string) {
	from := 0
	if letter == c.letter {
		from = c.cursor + 1
	}
	c.letter = letter
	for i := range c.words {
		if j := (from + i) % len(c.words); strings.HasPrefix(c.words[j], letter) {
			c.cursor = j
			return
		}
	}
}
