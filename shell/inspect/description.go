package inspect

import (
	"fmt"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// labelled is how many columns the names take in a description.
const labelled = 10

// A description is what explain prints for a person: lines with a name before them.
type description struct {
	c      *command.Call
	of     *command.Call // of the machine that it is about
	before string        // what each line begins with: the name of the machine, if c is for several
	cols   int           // that prose may take, 0 for any number
	b      strings.Builder
}

// newDescription returns an empty description, which call c prints, of what call of has found
// on its machine. The two are one, or c is for several machines.
func newDescription(c, of *command.Call) *description {
	d := &description{c: c, of: of}
	if c.Server() != of.Server() {
		d.before = of.Server() + ": "
	}
	if cols, _ := c.Screen(); c.Out.Tty && cols > 0 {
		d.cols = max(cols-labelled-len(d.before), labelled)
	}
	return d
}

// text adds a text with a name. On a terminal it is wrapped at words and indented.
func (d *description) text(name, text string, style func(string) string) {
	for i, line := range strings.Split(render.Wrap(render.Safe(text), d.cols), "\n") {
		if i > 0 {
			name = ""
		} else {
			name += ":"
		}
		fmt.Fprintln(&d.b, d.before+style(fmt.Sprintf("%-*s%s", labelled, name, line)))
	}
}

// prose adds a text of sentences.
func (d *description) prose(name, text string) {
	d.text(name, text, func(line string) string { return line })
}

// verdict adds the conclusion.
func (d *description) verdict(text string) { d.text("verdict", text, d.c.Out.Style.Bold) }

// command adds a command on one line of any length, so that it can be copied. Where the
// session is for several machines, it names the one that the command is for.
func (d *description) command(name, words string) {
	if d.before != "" && d.c.Mode.Interactive() {
		words = "on " + d.of.Server() + " " + words
	}
	fmt.Fprintf(&d.b, "%s%-*s%s\n", d.before, labelled, name+":", render.Safe(d.of.Again(words)))
}

// print prints the description.
func (d *description) print() error {
	_, err := d.c.Out.WriteStyled([]byte(d.b.String()))
	return err
}
