package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Bounds of what is held of the output of a command that is watched.
const (
	watchLinesMost = 5000
	watchBytesMost = 2 << 20
)

// errWatchFull ends a command of which no more output is held.
var errWatchFull = errors.New("enough lines")

// A capture holds the output of a command up to a bound.
type capture struct {
	text strings.Builder
	n    int
	full bool
}

func (w *capture) Write(p []byte) (int, error) {
	for i, b := range p {
		if b == '\n' {
			w.n++
		}
		if w.n >= watchLinesMost || w.text.Len()+i+1 >= watchBytesMost {
			w.text.Write(p[:i+1])
			w.full = true
			return i + 1, errWatchFull
		}
	}
	return w.text.Write(p)
}

// lines returns the lines that are held.
func (w *capture) lines() []string {
	text := strings.TrimSuffix(w.text.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// A watcher shows a command again and again.
type watcher struct {
	c, inner *command.Call
	every    time.Duration
	keys     <-chan string

	rows     []watchRow // of the last time
	whole    bool       // and they were all
	diff     watchDiff
	heads    int // rows at the top that stay in sight
	cols     int // of the screen for which the rows were made
	warnings []string
	times    int
	at       time.Time
	queued   int // envelopes that smtpd has, below 0 if that is not known
	top      int // the first row below the heads that is shown
}

// watchScreen shows the command on the screen until it is interrupted or q is typed.
func watchScreen(ctx context.Context, c, inner *command.Call, every time.Duration) error {
	keys, stop := c.Keys()
	defer stop()
	w := &watcher{c: c, inner: inner, every: every, keys: keys}
	inner.Screen = func() (cols, rows int) {
		cols, rows = c.Screen()
		return max(cols-gutter, 0), rows
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if quit, err := w.refresh(ctx); quit || err != nil {
			return err
		}
		if err := w.draw(); err != nil {
			return err
		}
		for again := false; !again; {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
				again = true
			case key, ok := <-w.keys:
				if !ok {
					w.keys = nil
					continue
				}
				if quits(key) {
					return w.end()
				}
				again = key == " "
				if err := w.scroll(key); err != nil {
					return err
				}
			}
		}
	}
}

// quits reports whether a key ends watch.
func quits(key string) bool { return key == "q" || key == "Q" || key == "\x04" }

// end leaves the last output on the screen.
func (w *watcher) end() error {
	_, err := w.c.Out.WriteStyled([]byte("\n"))
	return err
}

// A watchRun is what came of running the command once.
type watchRun struct {
	out   capture
	errs  command.Held
	heads int
	err   error
	panic any
}

// refresh runs the command, and takes keys meanwhile. It reports whether to quit.
func (w *watcher) refresh(ctx context.Context) (quit bool, err error) {
	run := &watchRun{}
	inner := *w.inner
	// The screen would cover what is written to the terminal beside it.
	inner.Err = &run.errs
	if !command.IsTerminal(w.c.Err) {
		inner.Err = io.MultiWriter(w.c.Err, &run.errs)
	}
	runCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { run.panic = recover() }()
		run.heads, run.err = w.c.Host.RunShown(runCtx, &inner, &run.out)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case key, ok := <-w.keys:
			if !ok {
				w.keys = nil
			} else if quits(key) {
				cancel()
				<-done
				return true, w.end()
			} else if err := w.scroll(key); err != nil {
				cancel()
				<-done
				return true, err
			}
		}
	}
	if run.panic != nil {
		panic(run.panic)
	}
	if ctx.Err() != nil {
		return true, ctx.Err()
	}
	w.take(ctx, run)
	return false, nil
}

// take takes in what came of running the command.
func (w *watcher) take(ctx context.Context, run *watchRun) {
	if run.err != nil && !errors.Is(run.err, errWatchFull) {
		fmt.Fprintln(&run.errs, "smtpctl: "+render.Bound(run.err.Error()+command.Advice(run.err), render.MaxMessage))
	}
	w.warnings = nil
	if text := strings.TrimSuffix(run.errs.String(), "\n"); text != "" {
		w.warnings = strings.Split(text, "\n")
	}
	rows := newWatchRows(run.out.lines())
	cols, _ := w.c.Screen()
	sameLayout := cols == w.cols && run.heads == w.heads
	w.cols, w.heads = cols, min(run.heads, len(rows))
	if w.times == 0 {
		w.diff = watchDiff{rows: rows}
	} else {
		w.diff = diffRows(w.rows, rows, w.whole && !run.out.full, sameLayout)
	}
	w.rows, w.whole, w.at = rows, !run.out.full, time.Now()
	w.times++
	w.queued = -1
	if conn := w.c.Linked(); conn != nil && conn.Alive() {
		if d, err := conn.Digest(ctx); err == nil {
			w.queued = int(d.Queued())
		}
	}
}

// gutter is how many columns the marks of rows take.
const gutter = 2

// scroll moves what is shown as a key says.
func (w *watcher) scroll(key string) error {
	page := max(w.room()-1, 1)
	switch key {
	case "up", "k":
		w.top--
	case "down", "j":
		w.top++
	case "page up", "b":
		w.top -= page
	case "page down", "f":
		w.top += page
	case "home", "g":
		w.top = 0
	case "end", "G":
		w.top = len(w.diff.rows)
	default:
		return nil
	}
	if w.times == 0 {
		w.top = 0
		return nil
	}
	return w.draw()
}

// shownWarnings returns the warnings that are on the screen.
func (w *watcher) shownWarnings() []string {
	_, rows := w.c.Screen()
	if most := max(rows/4, 1); len(w.warnings) > most {
		return append(append([]string(nil), w.warnings[:most]...), fmt.Sprintf("(%s)", render.Plural(len(w.warnings)-most, "more warning")))
	}
	return w.warnings
}

// room returns how many rows below the heads there is room for.
func (w *watcher) room() int {
	_, rows := w.c.Screen()
	return max(rows-2-len(w.shownWarnings())-w.heads, 1)
}

// draw shows what there is now.
func (w *watcher) draw() error {
	cols, rows := w.c.Screen()
	style := w.c.Out.Style
	room := w.room()
	body := w.diff.rows[w.heads:]
	shown := room
	if len(body) > room {
		shown = max(room-1, 1) // the last says how many more there are
	}
	w.top = max(min(w.top, len(body)-shown), 0)
	end := min(w.top+shown, len(body))
	lines := []string{style.Bold(cutStyled(render.Safe(w.title()), cols)), cutStyled(w.status(end, len(body)), cols)}
	for _, text := range w.shownWarnings() {
		lines = append(lines, cutStyled(render.Safe(text), cols))
	}
	for _, r := range w.diff.rows[:w.heads] {
		lines = append(lines, cutStyled("  "+r.raw, cols))
	}
	for _, r := range body[w.top:end] {
		lines = append(lines, r.draw(style, cols))
	}
	if left := len(body) - end; left > 0 {
		lines = append(lines, cutStyled(fmt.Sprintf("(%d more lines)", left), cols))
	}
	if rows > 0 {
		lines = lines[:min(rows, len(lines))]
	}
	return drawScreen(w.c, lines)
}

// title returns what is watched, and how much there is.
func (w *watcher) title() string {
	text := fmt.Sprintf("every %v: %s, at %s", w.every, strings.Join(w.inner.Path, " "), w.at.Format("15:04:05"))
	if w.queued >= 0 {
		text += ", " + render.Plural(w.queued, "envelope") + " in the queue"
	}
	return text
}

// status returns what has changed, what is shown and which keys there are.
func (w *watcher) status(end, all int) string {
	text := ""
	if w.times > 1 {
		text = fmt.Sprintf("%d came, %d went, %d changed; ", w.diff.came, w.diff.gone, w.diff.different)
		if !w.whole {
			text = fmt.Sprintf("%d changed; ", w.diff.different)
		}
	}
	switch {
	case !w.whole:
		text += fmt.Sprintf("lines %d-%d of the first %d; ", min(w.top+1, all), end, all)
	case end-w.top < all:
		text += fmt.Sprintf("lines %d-%d of %d; ", min(w.top+1, all), end, all)
	default:
		text += render.Plural(all, "line") + "; "
	}
	if w.keys == nil {
		return text + "Ctrl-C ends"
	}
	return text + "q ends"
}

// draw returns the row on a screen of so many columns, its new words marked.
func (r *watchRow) draw(style render.Style, cols int) string {
	var b strings.Builder
	b.WriteByte(r.mark)
	b.WriteByte(' ')
	word, inWord, marked := -1, false, false
	mark := func(on bool) {
		if on != marked && style.On() {
			b.WriteString(map[bool]string{true: "\x1b[7m", false: "\x1b[27m"}[on])
			marked = on
		}
	}
	for i := 0; i < len(r.raw); {
		if n := colourLen(r.raw[i:]); n > 0 {
			mark(false)
			b.WriteString(r.raw[i : i+n])
			i += n
			if inWord { // which goes on
				mark(word < len(r.fresh) && r.fresh[word])
			}
			continue
		}
		c, size := utf8.DecodeRuneInString(r.raw[i:])
		if space := c == ' ' || c == '\t'; space {
			inWord = false
			mark(false)
		} else {
			if !inWord {
				inWord = true
				word++
			}
			mark(word < len(r.fresh) && r.fresh[word])
		}
		b.WriteString(r.raw[i : i+size])
		i += size
	}
	mark(false)
	return cutStyled(b.String(), cols)
}

// colourLen returns the length of the colour that a text begins with, 0 without one.
func colourLen(text string) int {
	if text[0] != '\x1b' {
		return 0
	}
	return strings.IndexByte(text, 'm') + 1
}

// cutStyled returns as much of a safe, coloured text as fits into so many columns. Tabs
// become spaces.
func cutStyled(text string, cols int) string {
	if cols <= 0 {
		return text
	}
	var b strings.Builder
	used, cut := 0, false
	for i := 0; i < len(text); {
		if n := colourLen(text[i:]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		piece := text[i : i+size]
		if r == '\t' {
			piece = strings.Repeat(" ", 8-used%8)
		}
		i += size
		if used += render.Width(piece); used > cols {
			cut = true
		}
		if !cut {
			b.WriteString(piece)
		}
	}
	return b.String()
}
