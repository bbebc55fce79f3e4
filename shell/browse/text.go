package browse

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/mattn/go-runewidth"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// maxText is how many bytes of what a command prints are shown.
const maxText = 1 << 20

// A text is an overlay of lines.
type text struct {
	head   string
	lines  []string // safe; guarded by the lock of the worker
	cancel context.CancelFunc
	from   int // the first line that is shown
	page   int // rows of the screen
	cols   int
	folded []string // the lines, folded to the columns
	count  int      // of those that are folded
}

func (t *text) title() string { return t.head }

// fold folds what has come.
func (t *text) fold(cols int) {
	if cols != t.cols {
		t.cols, t.count, t.folded = cols, 0, nil
	}
	for ; t.count < len(t.lines); t.count++ {
		t.folded = append(t.folded, foldLine(t.lines[t.count], cols)...)
	}
}

// foldLine splits safe text into lines of so many columns, between words if it can.
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
		u.screen.Sync()
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

// close goes back to the list.
func (t *text) close(u *ui) {
	if t.cancel != nil {
		t.cancel()
	}
	u.over = nil
}

// sectionMark begins the heads of sections.
const sectionMark = "== "

// showKeys shows the keys.
func (u *ui) showKeys() {
	t := &text{head: "keys of browse"}
	for _, b := range bindings {
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

// look shows why an envelope is in the queue, the headers of its message, and what its
// log says, each as the command for it prints it.
func (u *ui) look(id protocol.EnvelopeID) {
	ctx, cancel := context.WithCancel(u.ctx)
	t := &text{head: "envelope " + id.String(), cancel: cancel}
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
			lines := append([]string{sectionMark + p.head}, u.output(ctx, p.words, p.flag)...)
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
	if !u.w.do(work) {
		cancel()
		u.fail("smtpd has not answered yet")
		return
	}
	u.over = t
}

// output returns the lines that a command prints, its errors too.
func (u *ui) output(ctx context.Context, words []string, flag string) []string {
	call, err := u.parse(words)
	var out, notes limited
	if err == nil {
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

// A limited keeps the beginning of what is written to it.
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

// lines returns the lines of it, as safe text.
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

// A choice is an overlay of words of which one is chosen.
type choice struct {
	head   string
	words  []string
	cursor int
	letter string // that was typed last
	chosen func(word string)
}

// choose lets the user choose one of some words.
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

// jump goes to the first word that begins with a letter, and to the next one when the
// letter is typed again.
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
