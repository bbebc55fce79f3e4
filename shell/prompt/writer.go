package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// A writer is the ConsoleWriter through which go-prompt writes to the screen. It never changes
// the title of the window, and uses colours only if they are allowed.
type writer struct {
	goprompt.ConsoleWriter // screen, or nowhere while muted
	screen, nowhere        goprompt.ConsoleWriter
	tty                    *terminal
	color                  bool
	menu                   menuRow
	paint                  painter
	room                   room
	done                   bool   // the next Flush ends the drawing of a key
	drawn                  string // the prefix of this drawing, or of the last one after its Flush
	begun                  bool   // the prefix of this drawing is drawn
}

func newWriter(tty *terminal, color bool) *writer {
	w := &writer{screen: goprompt.NewStdoutWriter(), nowhere: goprompt.NewStderrWriter(), tty: tty, color: color}
	w.ConsoleWriter = w.screen
	return w
}

// setMuted discards all that is written until it is called with false.
func (w *writer) setMuted(on bool) {
	if on {
		w.nowhere = goprompt.NewStderrWriter() // never flushed, so nothing is written
		w.ConsoleWriter = w.nowhere
	} else {
		w.ConsoleWriter = w.screen
	}
}

// SetTitle does nothing, so that the title of the window stays.
func (w *writer) SetTitle(string) {}

// ClearTitle does nothing.
func (w *writer) ClearTitle() {}

// ShowCursor is the last call of go-prompt before Flush when it draws.
func (w *writer) ShowCursor() {
	w.closeRoom()
	w.ConsoleWriter.ShowCursor()
	w.done = true
}

// Flush writes to the screen all that was written before, unless the writer is muted.
func (w *writer) Flush() error {
	var err error
	if w.ConsoleWriter == w.screen {
		err = w.screen.Flush()
	}
	w.broke()
	done := w.done
	w.done, w.begun, w.paint.step = false, false, idle
	w.tty.flushed(done)
	return err
}

// SetColor sets the colours of the text that follows. If colours are not allowed, it only shows
// the selected suggestion in reverse video.
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

// begin takes the prefix for a drawing, which it keeps until Flush. It is called before go-prompt
// leaves the place where the last drawing has left the cursor.
func (w *writer) begin() {
	if !w.begun {
		w.drawn, w.begun = w.tty.prefix(), true
	}
}

// prefix writes a text, with its part in brackets in colour, if the text is the prefix and has
// such a part. It reports whether it has written the text.
func (w *writer) prefix(s string) bool {
	from, to := strings.IndexByte(s, '['), strings.LastIndex(s, "]> ")
	if !w.color || from < 0 || to < from || s != w.drawn {
		return false
	}
	w.ConsoleWriter.WriteStr(s[:from])
	fg := goprompt.Yellow
	if note := s[from:to]; strings.Contains(note, notConnected) || strings.Contains(note, noAnswer) {
		fg = goprompt.Red
	}
	w.ConsoleWriter.SetColor(fg, goprompt.DefaultColor, true)
	w.ConsoleWriter.WriteStr(s[from : to+1])
	w.ConsoleWriter.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
	w.ConsoleWriter.WriteStr(s[to+1:])
	return true
}
