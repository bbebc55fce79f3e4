package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"smtpctl/cmd/internal/glass"
	"smtpctl/protocol/fulltest"
)

// TestPictures makes the pictures and compares them with those of the README: all of them in
// CI, elsewhere one in three.
func TestPictures(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds smtpctl and Go's library")
	}
	t.Parallel()
	if err := pictures(true, func(i int) bool { return fulltest.Takes(i, 3) }); err != nil {
		t.Error(err)
	}
}

// TestPicturesAreRead parses the pictures as XML and checks their size and the title and
// description for readers who cannot see them.
func TestPicturesAreRead(t *testing.T) {
	t.Parallel()
	for _, s := range scenes {
		text, err := os.ReadFile("../../examples/pictures/" + s.name + ".svg")
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxPicture {
			t.Errorf("%s has %d bytes", s.name, len(text))
		}
		parts := read(t, string(text))
		if parts["title"] != s.title || parts["desc"] != s.desc {
			t.Errorf("%s: %q, %q", s.name, parts["title"], parts["desc"])
		}
	}
}

// read returns the text of the elements of an SVG, by the names of the elements.
func read(t *testing.T, text string) map[string]string {
	t.Helper()
	parts, name := map[string]string{}, ""
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			parts[name] += strings.TrimPrefix(string(token), "\n")
		}
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestDraw draws a screen with cells of every kind.
func TestDraw(t *testing.T) {
	t.Parallel()
	g := glass.New(20, 4)
	g.Write("<b>&\"x\" a b  c\r\n\x1b[31mred\x1b[0;7mback\x1b[0m\r\n\x1b[1;4;38;5;208mo\x1b[48;5;240mg\x1b[0;2;3mé\x1b[m\x1b[?25l")
	got := string(draw(&scene{title: "t<", desc: "d&", cols: 20, rows: 4, args: []string{"--demo"}}, g))
	parts := read(t, got)
	if parts["title"] != "t<" || parts["desc"] != "d&" || parts["text"] != "smtpctl --demo"+`<b>&"x" a b`+"c"+"red"+"back"+"o"+"g"+"é" {
		t.Errorf("%q\n%s", parts, got)
	}
	for _, want := range []string{
		`textLength="92.73" lengthAdjust="spacingAndGlyphs">&lt;b&gt;`, `style="fill:` + colours[1] + `">red<`, `style="fill:` + ground + `">back<`,
		`fill="` + ink + `"/>`, `style="fill:#ff8700" class="b u">o<`, `fill="#585858"/>`, `class="i d">é<`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, `opacity=".75"`) {
		t.Error("it has a cursor")
	}
}
