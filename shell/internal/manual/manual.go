// Package manual generates the manual and the tables of the README from the tables of
// commands, kinds of arguments, flags and terms.
package manual

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// Tables are the tables that the program uses, as shell.Documented returns them.
type Tables struct {
	Commands []*command.Command
	Kinds    []*grammar.Kind
	Flags    []*pflag.Flag
	FlagDoc  func(*pflag.Flag) (value, doc string)
	// Session maps commands of the session to a value of the type that they print as JSON.
	Session map[string]any
}

// Page returns the manual: source, with each of its placeholders, such as @commands@,
// replaced by text generated from the tables. explain is the Go source of the command
// explain, which defines the verdicts.
func (t Tables) Page(source, explain string) string {
	return strings.NewReplacer("@options@", t.options(), "@commands@", t.commands(), "@terms@", terms(), "@arguments@", t.arguments(),
		"@json@", t.shapes(), "@verdicts@", prose(strings.Join(verdicts(explain), ", ")+".")).Replace(source)
}

// verdicts returns the verdicts that the Go source of explain defines, in its order.
func verdicts(source string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`\tverdict\w+ += "([a-z-]+)"`).FindAllStringSubmatch(source, -1) {
		names = append(names, m[1])
	}
	return names
}

// sentence matches the end of a sentence and the first letter of the next.
var sentence = regexp.MustCompile(`([.!?]) +([A-Z])`)

// prose returns text as lines of mdoc: each sentence begins a line, long sentences are
// wrapped, and everything that roff would interpret is escaped.
func prose(text string) string {
	var out []string
	for _, line := range strings.Split(sentence.ReplaceAllString(strings.ReplaceAll(text, "\n", " "), "$1\n$2"), "\n") {
		length := 0
		var words []string
		for _, w := range strings.Fields(line) {
			if length+len(w) > 76 {
				out = append(out, strings.Join(words, " "))
				words, length = nil, 0
			}
			words = append(words, w)
			length += len(w) + 1
		}
		out = append(out, strings.Join(words, " "))
	}
	for i, line := range out {
		line = roff(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		out[i] = line
	}
	return strings.Join(out, "\n")
}

// roff escapes the characters that roff would interpret or replace.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "--", `\-\-`).Replace(text)
}

// capital makes a sentence of a summary. A summary that begins with the name of a command
// keeps the case of that name.
func capital(text string) string {
	for _, f := range cmdline.CommandFlags {
		if strings.HasPrefix(text, f.Command+": ") {
			return text + "."
		}
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// pattern returns the pattern of a command as arguments of the mdoc macro .It.
func pattern(p string) string {
	out, mode := "", ""
	for _, w := range strings.Fields(p) {
		next := "Cm"
		if strings.HasPrefix(w, "<") {
			next = "Ar"
			w = strings.Trim(w, "<>")
			if name, ok := strings.CutSuffix(w, "..."); ok {
				w = name + " ..."
			}
		}
		if next != mode {
			out += " " + next
			mode = next
		}
		out += " " + w
	}
	return out
}

func (t Tables) commands() string {
	var b strings.Builder
	for _, g := range command.Groups {
		fmt.Fprintf(&b, ".Ss %s\n.Bl -tag -width Ds\n", g)
		for _, c := range t.Commands {
			if c.Group != g || c.Hidden() {
				continue
			}
			fmt.Fprintf(&b, ".It%s\n%s\n", pattern(c.Pattern), prose(capital(c.Summary)))
			if help := c.LongHelp(); help != "" {
				fmt.Fprintln(&b, prose(strings.TrimSuffix(help, ".")+"."))
			}
		}
		b.WriteString(".El\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t Tables) options() string {
	var b strings.Builder
	for _, f := range t.Flags {
		value, doc := t.FlagDoc(f)
		name := "Fl -" + f.Name
		if f.Shorthand != "" {
			name = "Fl " + f.Shorthand + " , -" + f.Name
		}
		if inner, ok := strings.CutPrefix(value, "[="); ok {
			name += " Ns Op = Ns Ar " + strings.TrimSuffix(inner, "]")
		} else if value != "" {
			name += " Ar " + value
		}
		fmt.Fprintf(&b, ".It %s\n%s\n", name, prose(capital(doc)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t Tables) arguments() string {
	var b strings.Builder
	for _, k := range t.Kinds {
		if k.Name == "line" {
			continue
		}
		fmt.Fprintf(&b, ".It Ar %s\n%s\n", k.Name, prose(k.Text()+"."))
		if k.Words == nil || k.Name == "shell" {
			continue
		}
		b.WriteString(".Bl -tag -width Ds -compact\n")
		for _, w := range k.Words() {
			fmt.Fprintf(&b, ".It Cm %s\n%s\n", w.Word, prose(w.Summary+"."))
		}
		b.WriteString(".El\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func terms() string {
	var b strings.Builder
	for _, k := range selector.Terms() {
		fmt.Fprintf(&b, ".It Cm %s Ns %s Ns Ar %s\n%s\n", k.Key(), roff(k.Ops()[:1]), roff(strings.ReplaceAll(k.Want, ",", " ,")), prose(strings.TrimSpace(k.About()+". "+k.Note)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (t Tables) shapes() string {
	var b strings.Builder
	for _, s := range t.allShapes() {
		fmt.Fprintf(&b, ".It %s\n%s\n", s.commands, prose(strings.Join(jsonNames(s.value), ", ")+"."))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
