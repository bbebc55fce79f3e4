package shell

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// keysHelp says what the keys do at the prompt.
var keysHelp = [][2]string{
	{"Tab, Shift-Tab", "go through the menu; if it has a single entry, take that"},
	{"Down, Up", "go into the menu; without a menu, through the lines of the history that begin with what was typed"},
	{"Ctrl-P, Ctrl-N", "go through these lines even if there is a menu"},
	{"Enter", "take the suggestion; without one, run the line"},
	{"Escape", "close the menu"},
	{"?", "list what can come next; after domain= and the like, explain the term; within a value, a character"},
	{"Ctrl-R", "search the history for letters in their order; Ctrl-R finds the next match, Enter takes the line, Escape cancels"},
	{"Left, Ctrl-B", "move back by one character"},
	{"Right, Ctrl-F", "move forward by one character; at the end of the line, take the suggestion in grey"},
	{"Home, Ctrl-A", "go to the beginning of the line"},
	{"End, Ctrl-E", "go to the end of the line; there, take the suggestion in grey"},
	{"Alt-B, Ctrl-Left", "move back by one word"},
	{"Alt-F, Ctrl-Right", "move forward by one word; at the end of the line, take one word of the suggestion in grey"},
	{"Backspace, Ctrl-H", "delete the character before the cursor"},
	{"Delete", "delete the character at the cursor"},
	{"Ctrl-K", "kill all after the cursor; kills in a row are yanked as one text"},
	{"Ctrl-U", "kill all before the cursor"},
	{"Ctrl-W", "kill the word before the cursor, back to a blank"},
	{"Alt-Backspace", "kill the letters and digits before the cursor"},
	{"Alt-D", "kill the letters and digits after the cursor"},
	{"Ctrl-Y", "yank: insert the text that was killed last"},
	{"Alt-Y", "after Ctrl-Y, replace the yanked text by the one killed before it"},
	{"Ctrl-_, Ctrl-X Ctrl-U", "undo the last change of the line; again, the change before"},
	{"Ctrl-X Ctrl-E", "edit the line in $VISUAL or $EDITOR; it comes back to the prompt, and Enter runs it"},
	{"Alt-., Alt-_", "insert the last word of the previous line; again, that of the line before it"},
	{"Ctrl-T", "exchange the characters before and at the cursor"},
	{"Alt-T", "exchange the words before and at the cursor"},
	{"Alt-U, Alt-L, Alt-C", "change the word after the cursor to upper case, to lower case, or to an initial capital"},
	{"Ctrl-C", "stop the running command, or discard the line"},
	{"Ctrl-Z", "suspend the program"},
	{"Ctrl-L", "clear the screen"},
	{"Ctrl-D", "leave, if the line is empty; else delete the character at the cursor"},
}

// keysNote is what is worth knowing about lines.
const keysNote = `A line may hold commands split by ; and ends with a comment after #.
COMMAND | PROGRAM gives the output to a program, COMMAND > FILE writes it to a file.
A line goes on in the next one while a quote is open, or after \ at its end; Ctrl-C
discards all of it.
A line that begins with a space is not kept in the history.
All prompts of a user share the history: Up also finds the lines of another prompt.
smtpctl, $ or a prompt in front of a pasted line is left out.
`

func runHelpKeys(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, k := range keysHelp {
			fmt.Fprintf(tw, "  %s\t%s\n", k[0], k[1])
		}
		tw.Flush()
		_, err := io.WriteString(w, prose(w, keysNote))
		return err
	})
}

func runHelpTerms(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s\n\"help TERM\" has examples of a term, such as help domain.\n", prose(w, queue.SelectorHelp()))
		return err
	})
}

func runHelpOptions(_ context.Context, c *command.Call) error {
	return wrapped(c, func(w io.Writer) error {
		listFlags(w, allFlags())
		return nil
	})
}

// wrapped lets a function write prose, which is wrapped at words where it goes to a
// terminal.
func wrapped(c *command.Call, write func(w io.Writer) error) error {
	cols := 0
	if c.Out.Tty {
		cols, _ = c.Screen()
	}
	return wrapTo(c.Out, cols, write)
}

// wrapTo is wrapped for a terminal of so many columns, 0 for none.
func wrapTo(out io.Writer, cols int, write func(w io.Writer) error) error {
	b := wrapBuffer{cols: cols}
	if err := write(&b); err != nil {
		return err
	}
	_, err := io.WriteString(out, render.Wrap(b.String(), cols))
	return err
}

// A wrapBuffer holds what is to be wrapped at so many columns, 0 for none.
type wrapBuffer struct {
	bytes.Buffer
	cols int
}

// prose returns a text as it is written to w: where that wraps it, the sentences are whole.
func prose(w io.Writer, text string) string {
	if b, ok := w.(*wrapBuffer); ok && b.cols > 0 {
		return render.Fill(text)
	}
	return text
}

// termNamed returns the field of a term of which a word is the name or the beginning up
// to the operator, nil if it is none.
func termNamed(word string) *selector.Field {
	name, _, value, ok := selector.Split(word)
	if !ok {
		name = word
	}
	if value != "" {
		return nil
	}
	name, _, _ = strings.Cut(name, ":")
	return selector.Find(selector.Terms(), name)
}

// asksAbout reports whether a question mark, typed where a line ends so far, asks for
// help and is no character of a word: it is none of a value, of a comment, of a password
// and of what is meant for sh. again says that help was given there just now.
func (r *repl) asksAbout(before, after string, again bool) bool {
	at := r.parser().Place(before)
	last := at.Word.Text
	if at.Comment || at.Word.After != 0 || after != "" && after[0] != ' ' || at.Exact && last != "" {
		return false
	}
	_, _, value, term := selector.Split(last)
	return !term || value == "" && !again
}
