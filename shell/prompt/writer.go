package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A writer is go-prompt's way to the screen. It leaves the window's title alone
// and colours only where that is wanted.
type writer struct {
	goprompt.ConsoleWriter
	screen, nowhere goprompt.ConsoleWriter
	tty             *terminal
	color           bool
	menu            menuRow
	done            bool // what is flushed next ends the drawing of a key
}

func newWriter(tty *terminal, color bool) *writer {
	w := &writer{screen: goprompt.NewStdoutWriter(), nowhere: goprompt.NewStderrWriter(), tty: tty, color: color}
	w.ConsoleWriter = w.screen
	return w
}

// setMuted throws away what is written from now on, or no longer.
func (w *writer) setMuted(on bool) {
	if on {
		w.nowhere = goprompt.NewStderrWriter() // it is never flushed
		w.ConsoleWriter = w.nowhere
	} else {
		w.ConsoleWriter = w.screen
	}
}

// SetTitle and ClearTitle leave the title alone.
func (w *writer) SetTitle(string) {}

// ClearTitle does nothing.
func (w *writer) ClearTitle() {}

// ShowCursor is the last thing that go-prompt does when it draws.
func (w *writer) ShowCursor() {
	w.ConsoleWriter.ShowCursor()
	w.done = true
}

// Flush writes to the screen.
func (w *writer) Flush() error {
	var err error
	if w.ConsoleWriter == w.screen {
		err = w.screen.Flush()
	}
	done := w.done
	w.done = false
	w.tty.flushed(done)
	return err
}

// SetColor keeps only reverse video for what is selected where colours are not
// wanted.
func (w *writer) SetColor(fg, bg goprompt.Color, bold bool) {
	if w.color {
		w.ConsoleWriter.SetColor(fg, bg, bold)
		return
	}
	if bg == goprompt.Cyan {
		w.WriteRawStr("\x1b[0;7m")
	} else {
		w.WriteRawStr("\x1b[0m")
	}
}

// prefix writes what stands before the line with what it says in brackets in colour, if
// that is what a text is.
func (w *writer) prefix(s string) bool {
	from, to := strings.IndexByte(s, '['), strings.LastIndex(s, "]> ")
	if !w.color || from < 0 || to < from || s != w.tty.prefix() {
		return false
	}
	w.ConsoleWriter.WriteStr(s[:from])
	fg := goprompt.Yellow
	if strings.Contains(s[from:to], notConnected) {
		fg = goprompt.Red
	}
	w.ConsoleWriter.SetColor(fg, goprompt.DefaultColor, true)
	w.ConsoleWriter.WriteStr(s[from : to+1])
	w.ConsoleWriter.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
	w.ConsoleWriter.WriteStr(s[to+1:])
	return true
}
