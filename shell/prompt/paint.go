package prompt

import (
	"strings"
	"sync"

	goprompt "github.com/c-bata/go-prompt"
)

// A Class is the kind of a part of a line. It determines the colour of the part.
type Class int

// The classes.
const (
	Unknown  Class = iota // a word or flag that cannot stand in its place
	TermKey               // the key of a term
	Operator              // the operator of a term
	Value                 // the value of a term, or the name of a selection
	Quoted                // quoted text
	Comment               // a comment
)

// sgr holds, for each colour of go-prompt in classColors, the number that sets it in the
// sequence ESC [ ... m.
var sgr = sync.OnceValue(func() map[goprompt.Color]string {
	return map[goprompt.Color]string{
		goprompt.Red: "91", goprompt.Cyan: "36", goprompt.Purple: "35", goprompt.DarkGreen: "32", goprompt.Brown: "33", goprompt.DarkGray: "90",
	}
})

// A Span is a part of a line: the bytes from Start up to, but not including, End.
type Span struct {
	Start, End int
	Class      Class
}

// classColors are the colours of the classes. They are legible on black and on white.
var classColors = sync.OnceValue(func() map[Class]goprompt.Color {
	return map[Class]goprompt.Color{
		Unknown:  goprompt.Red,
		TermKey:  goprompt.Cyan,
		Operator: goprompt.Purple,
		Value:    goprompt.DarkGreen,
		Quoted:   goprompt.Brown,
		Comment:  goprompt.DarkGray,
	}
})

// hintColor is the colour of the hint.
const hintColor = goprompt.DarkGray

// A step is how far go-prompt has drawn the line. It begins with HideCursor or, for a finished
// line, with EraseDown. Then it writes the prefix and the line, calls EraseDown unless the line
// is finished, and at last Flush.
type step int

const (
	idle step = iota
	prefixNext
	lineNext
	lineDone
)

// A painter colours the line while go-prompt draws it.
type painter struct {
	// spans returns the parts of a line to colour, in their order. It is nil if there are
	// no colours.
	spans func(line string) []Span
	// hint is shown behind the line hintFor, and behind no other: go-prompt also draws lines
	// for which it has not called the completer.
	hint, hintFor string

	step  step
	line  string // the line that is being drawn
	parts []Span // its parts to colour
}

// HideCursor is the first call of go-prompt when it draws a line that is not finished.
func (w *writer) HideCursor() {
	w.paint.step = prefixNext
	w.menu.begin()
	w.ConsoleWriter.HideCursor()
}

// EraseDown erases the screen from the cursor on, with the hint that was drawn before, and
// draws the hint of the line.
func (w *writer) EraseDown() {
	w.ConsoleWriter.EraseDown()
	switch {
	case w.paint.step == idle:
		w.paint.step = prefixNext
	case w.paint.step == lineDone && w.paint.hint != "" && w.paint.hintFor == w.paint.line:
		w.WriteRawStr("\x1b7") // saves the place of the cursor
		w.SetColor(hintColor, goprompt.DefaultColor, false)
		w.ConsoleWriter.WriteStr(w.paint.hint)
		w.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
		w.WriteRawStr("\x1b8")
	}
}

// painted writes a text in colours if it is the prefix, the line or the end of the line, and
// reports whether it has written the text.
func (w *writer) painted(s string) bool {
	p := &w.paint
	switch p.step {
	case prefixNext:
		p.step = lineNext
		return w.prefix(s)
	case lineNext:
		p.step = lineDone
		line, end := strings.CutSuffix(s, "\n")
		p.line, p.parts = line, nil
		if p.spans != nil {
			p.parts = p.spans(line)
		}
		w.writeLine(0)
		if end {
			w.ConsoleWriter.WriteStr("\n")
		}
		return true
	case lineDone:
		// The part of the line after a selected suggestion.
		if from := len(p.line) - len(s); s != "" && strings.HasSuffix(p.line, s) {
			w.writeLine(from)
			return true
		}
	}
	return false
}

// writeLine writes the line from a byte on, in its colours.
func (w *writer) writeLine(from int) {
	eachPart(w.paint.line, from, w.paint.parts, func(text string, color goprompt.Color) {
		if color == goprompt.DefaultColor {
			w.ConsoleWriter.WriteStr(text)
			return
		}
		w.SetColor(color, goprompt.DefaultColor, false)
		w.ConsoleWriter.WriteStr(text)
		w.SetColor(goprompt.DefaultColor, goprompt.DefaultColor, false)
	})
}

// colored returns a line with the control sequences that set its colours.
func (p *painter) colored(line string) string {
	if p.spans == nil {
		return line
	}
	var b strings.Builder
	eachPart(line, 0, p.spans(line), func(text string, color goprompt.Color) {
		if color != goprompt.DefaultColor {
			text = "\x1b[" + sgr()[color] + "m" + text + "\x1b[0m"
		}
		b.WriteString(text)
	})
	return b.String()
}

// eachPart calls f with the parts of a line from a byte on, and the colour of each.
func eachPart(line string, from int, spans []Span, f func(text string, color goprompt.Color)) {
	for _, span := range spans {
		start, end := max(span.Start, from), min(span.End, len(line))
		if start >= end {
			continue
		}
		f(line[from:start], goprompt.DefaultColor)
		f(line[start:end], classColors()[span.Class])
		from = end
	}
	f(line[from:], goprompt.DefaultColor)
}

// A painting keeps the coloured parts of the last line, because go-prompt draws a line more
// than once.
type painting struct {
	line  string
	spans []Span
}

// spansOf returns the parts to colour of the line that is being typed. The line of a search of
// the history has none.
func (p *Prompt) spansOf(line string) []Span {
	if p.tty.searches() {
		return nil
	}
	base := p.held.base()
	if whole := base + line; p.painting.line != whole {
		p.painting = painting{whole, p.cfg.Highlight(whole)}
	}
	var out []Span
	for _, s := range p.painting.spans {
		s.Start, s.End = max(s.Start-len(base), 0), s.End-len(base)
		if s.End > s.Start {
			out = append(out, s)
		}
	}
	return out
}
