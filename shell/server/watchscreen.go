package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// The most output of a watched command that is held, in lines and bytes.
const (
	watchLinesMost = 5000
	watchBytesMost = 2 << 20
)

// watchAnew is the shortest interval at which a machine that answers late is shown before the
// next run.
const watchAnew = 3 * time.Second

// errWatchFull stops a command whose output has reached a bound of a capture.
var errWatchFull = errors.New("enough lines")

// A capture holds the output of a command up to a bound.
type capture struct {
	text strings.Builder
	n    int  // lines
	full bool // a bound was reached; more output may be missing
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

// lines returns the captured lines.
func (w *capture) lines() []string {
	text := strings.TrimSuffix(w.text.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// A watcher is the state of a watch on a screen. Only the goroutine of watchScreen uses
// it; the command runs in another one.
type watcher struct {
	c, inner *command.Call
	every    time.Duration
	keys     <-chan string

	rows     []watchRow   // of the last run
	whole    bool         // rows are the whole output
	seen     command.Seen // which machines they are of, where there are several
	diff     watchDiff    // between the last two runs; its rows are those on the screen
	heads    int          // how many rows with column heads stay in sight at the top
	cols     int          // width of the screen during the last run
	warnings []string     // of the last run, with its error
	times    int          // how often the command has run
	at       time.Time    // end of the last run
	queued   int          // envelopes in the queue, -1 if not known
	top      int          // index of the first row in sight below the heads
	clock    watchClock
}

// watchScreen repeats the command on a full screen until ctx ends or q, Q or Ctrl-D is
// typed.
func watchScreen(ctx context.Context, c, inner *command.Call, every time.Duration) error {
	keys, stop := c.Keys()
	defer stop()
	w := &watcher{c: c, inner: inner, every: every, keys: keys, queued: -1}
	inner.Screen = func() (cols, rows int) {
		cols, rows = c.Screen()
		return max(cols-gutter, 0), rows
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	w.clock.next = time.Now().Add(every)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	w.clock.second = second.C
	var late <-chan struct{}
	if inner.Several != nil && every >= watchAnew {
		late = inner.Several.Late()
	}
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
			case now := <-tick.C:
				again, w.clock.next = true, now.Add(every)
			case <-late:
				again = true
			case <-w.clock.second:
				if err := w.second(); err != nil {
					return err
				}
			case key, ok := <-w.keys:
				if !ok {
					w.keys = nil
					continue
				}
				if quits(key) {
					return w.end()
				}
				again = key == " " || key == "continued"
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

// A watchRun is the result of running the command once.
type watchRun struct {
	out   capture
	errs  command.Held
	heads int
	err   error
	panic any
}

// refresh runs the command once and handles keys while it runs. quit says that watch
// ends. A panic of the command becomes one of the caller's goroutine.
func (w *watcher) refresh(ctx context.Context) (quit bool, err error) {
	run := &watchRun{}
	inner := *w.inner
	// The screen would cover warnings that are written straight to the terminal.
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
	w.clock.began = time.Now()
	defer func() { w.clock.began = time.Time{} }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-w.clock.second:
			if err := w.second(); err != nil {
				cancel()
				<-done
				return true, err
			}
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

// take stores the result of a run and compares it with the one before.
func (w *watcher) take(ctx context.Context, run *watchRun) {
	if !errors.Is(run.err, errWatchFull) {
		tellFailures(&run.errs, run.err)
	}
	w.warnings = nil
	if text := strings.TrimSuffix(run.errs.String(), "\n"); text != "" {
		w.warnings = strings.Split(text, "\n")
	}
	var seen command.Seen
	if w.inner.Several != nil {
		seen = w.inner.Several.Seen()
	}
	rows := newWatchRows(run.out.lines(), seen.Hosts...)
	unknown := maps.Clone(seen.Missing)
	maps.Copy(unknown, w.seen.Missing)
	whole := !run.out.full && !seen.Cut
	cols, _ := w.c.Screen()
	sameLayout := cols == w.cols && run.heads == w.heads
	w.cols, w.heads = cols, min(run.heads, len(rows))
	if w.times == 0 {
		w.diff = watchDiff{rows: rows}
	} else {
		w.diff = diffRows(w.rows, rows, w.whole && whole, sameLayout, unknown)
	}
	w.rows, w.whole, w.seen, w.at = rows, whole, seen, time.Now()
	w.times++
	if w.queued = -1; seen.Hosts != nil {
		w.queued = seen.Queued
	} else if conn := w.c.Linked(); conn != nil && conn.Alive() {
		if d, err := conn.Digest(ctx); err == nil {
			w.queued = int(d.Queued())
		}
	}
}

// gutter is the number of columns in front of a row, for its mark.
const gutter = 2

// scroll handles a key that scrolls, and redraws the screen after it.
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

// shownWarnings returns the warnings that fit into a quarter of the screen, and a line
// that counts the others.
func (w *watcher) shownWarnings() []string {
	_, rows := w.c.Screen()
	if most := max(rows/4, 1); len(w.warnings) > most {
		return append(append([]string(nil), w.warnings[:most]...), fmt.Sprintf("(%s)", render.Plural(len(w.warnings)-most, "more warning")))
	}
	return w.warnings
}

// room returns how many rows fit below the heads, at least one.
func (w *watcher) room() int {
	_, rows := w.c.Screen()
	return max(rows-2-len(w.shownWarnings())-w.heads, 1)
}

// draw draws the screen: title, status, warnings, heads and the rows in sight.
func (w *watcher) draw() error {
	cols, rows := w.c.Screen()
	style := w.c.Out.Style
	room := w.room()
	body := w.diff.rows[w.heads:]
	shown := room
	if len(body) > room {
		shown = max(room-1, 1) // the last line counts the rows below
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

// draw returns the row with its mark and its new words in reverse video, cut to cols
// columns.
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
			if inWord { // a colour inside a word does not end its mark
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

// colourLen returns the length in bytes of the escape sequence at the start of text, or
// 0. text must not be empty.
func colourLen(text string) int {
	if text[0] != '\x1b' {
		return 0
	}
	return strings.IndexByte(text, 'm') + 1
}

// cutStyled cuts a safe, coloured text to cols columns and replaces tabs by spaces. It
// keeps the escape sequences of the part that it cuts off, so that colours end. If cols
// is 0 or less, the width is not known and text is returned unchanged.
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
