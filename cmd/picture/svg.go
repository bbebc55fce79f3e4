package main

import (
	"encoding/xml"
	"fmt"
	"strings"

	"smtpctl/cmd/internal/glass"
)

// maxPicture is the largest size of a picture, in bytes.
const maxPicture = 60_000

// Sizes in the picture, in user units of SVG.
const (
	size   = 14.0 // of the font
	wide   = 8.43 // width of a cell, as in most monospaced fonts of this size
	high   = 19.0 // height of a cell
	margin = 18.0
	bar    = 34.0 // height of the title bar above the screen
)

// colours are the first 16 colours of the terminal. ground is the default background, ink the
// default colour of text. The picture paints its own background, so that it is legible on a
// light page and on a dark one.
var colours = [16]string{
	"#20262f", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#b6c0cb",
	"#3b4654", "#ffa198", "#7ee787", "#f2cc60", "#a5d6ff", "#e2c5ff", "#76e3ea", "#f6f8fa",
}

const (
	ground = "#0d1117"
	ink    = "#dbe2ea"
	edge   = "#3d444d"
	faint  = "#8b949e"
)

// colour returns colour n of the palette of xterm, 0 to 255, or otherwise if n is negative.
func colour(n int, otherwise string) string {
	steps := [6]int{0, 95, 135, 175, 215, 255}
	switch {
	case n < 0:
		return otherwise
	case n < 16:
		return colours[n]
	case n < 232:
		n -= 16
		return fmt.Sprintf("#%02x%02x%02x", steps[n/36], steps[n/6%6], steps[n%6])
	}
	grey := 8 + 10*(n-232)
	return fmt.Sprintf("#%02x%02x%02x", grey, grey, grey)
}

// shades returns the colours of the text and the background of a cell. back is "" for the
// default background, which need not be drawn.
func shades(s glass.Style) (text, back string) {
	text, back = colour(s.Text, ink), colour(s.Back, "")
	if s.Reverse {
		if back == "" {
			back = ground
		}
		text, back = back, text
	}
	return text, back
}

// number formats a number with at most two digits after the point.
func number(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

// escaped returns text escaped for XML.
func escaped(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text))
	return b.String()
}

// draw returns the picture of a screen as SVG. Text stays text that can be selected, and each
// piece of text is stretched to the width of its cells, whichever font the reader has.
func draw(s *scene, screen *glass.Glass) []byte {
	var b strings.Builder
	width, height := 2*margin+float64(s.cols)*wide, bar+margin+float64(s.rows)*high
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img" aria-labelledby="title desc">`+"\n", number(width), number(height))
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n", escaped(s.title), escaped(s.desc))
	fmt.Fprintf(&b, "<style>text{font:%spx ui-monospace,SFMono-Regular,Menlo,\"DejaVu Sans Mono\",Consolas,monospace;fill:%s;white-space:pre}"+
		".b{font-weight:700}.i{font-style:italic}.u{text-decoration:underline}.d{opacity:.6}</style>\n", number(size), ink)
	fmt.Fprintf(&b, `<rect x=".5" y=".5" width="%s" height="%s" rx="9" fill="%s" stroke="%s"/>`+"\n", number(width-1), number(height-1), ground, edge)
	for i, c := range []string{colours[1], colours[3], colours[2]} {
		fmt.Fprintf(&b, `<circle cx="%s" cy="17" r="5.5" fill="%s"/>`, number(20+18*float64(i)), c)
	}
	fmt.Fprintf(&b, "\n"+`<text x="%s" y="22" text-anchor="middle" style="fill:%s">%s</text>`+"\n", number(width/2), faint, escaped("smtpctl "+strings.Join(s.args, " ")))
	x, y := screen.Cursor()
	if !screen.Hidden() {
		fmt.Fprintf(&b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" opacity=".75"/>`+"\n", number(left(x)), number(top(y)), number(wide), number(high), ink)
	}
	for y, row := range screen.Rows() {
		for from, to := 0, 0; from < len(row); from = to {
			for to = from + 1; to < len(row) && row[to].Style == row[from].Style; {
				to++
			}
			drawRun(&b, row[from:to], from, y)
		}
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func left(x int) float64 { return margin + float64(x)*wide }

func top(y int) float64 { return bar + float64(y)*high }

// drawRun draws cells of one style: their background, and their text, which is cut into pieces
// at each gap of two blanks or more.
func drawRun(b *strings.Builder, cells []glass.Cell, x, y int) {
	style := cells[0].Style
	fill, back := shades(style)
	if back != "" {
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`+"\n", number(left(x)), number(top(y)), number(float64(len(cells))*wide), number(high), back)
	}
	attributes := ""
	if fill != ink {
		attributes += ` style="fill:` + fill + `"`
	}
	classes := ""
	for i, on := range []bool{style.Bold, style.Italic, style.Underline, style.Dim} {
		if on {
			classes += " " + "biud"[i:i+1]
		}
	}
	if classes != "" {
		attributes += ` class="` + classes[1:] + `"`
	}
	blank := func(i int) bool { return i >= len(cells) || cells[i].Rune == ' ' }
	for from := 0; from < len(cells); from++ {
		if blank(from) {
			continue
		}
		to := from
		for !blank(to) || !blank(to+1) {
			to++
		}
		fmt.Fprintf(b, `<text x="%s" y="%s" textLength="%s" lengthAdjust="spacingAndGlyphs"%s>%s</text>`+"\n",
			number(left(x+from)), number(top(y)+size), number(float64(to-from)*wide), attributes, escaped(glass.TextOf(cells[from:to])))
		from = to
	}
}
