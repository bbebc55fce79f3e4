package shell

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// printWord prints what is to know about the word NAME= that is being typed in a place: a
// term, a setting of the command, or a statistic. It reports whether there is such a word.
func (s *Session) printWord(w io.Writer, at *grammar.Place) bool {
	name, _, value, ok := selector.Split(at.Word.Text)
	if !ok || value != "" {
		return false
	}
	words := s.tree.Inner(at.Words)
	can, err := s.tree.Next(words)
	if err != nil {
		return false
	}
	term := termNamed(at.Word.Text)
	if len(words) == 0 { // help is given before there is a command, too
		return explained(w, term, s.settingNamed(name))
	}
	for _, c := range can.Next {
		if c.Kind == nil {
			continue
		}
		for _, x := range s.settingsOf(c.Kind.Name, can.Path) {
			if x.Name == name {
				return explained(w, nil, x)
			}
		}
		switch {
		case c.Kind.Terms && term != nil:
			return explained(w, term, nil)
		case len(c.Kind.Examples) > 0:
			fmt.Fprintf(w, "%s\nexamples:\n    %s\n", c.Kind.Text(), strings.Join(c.Kind.Examples, "\n    "))
			return true
		}
	}
	return explained(w, nil, s.columnsSetting(can.Path, name))
}

// explained prints what there is to know about a term or a setting, and reports whether there
// is one of them.
func explained(w io.Writer, term *selector.Field, setting *command.Setting) bool {
	switch {
	case term != nil:
		io.WriteString(w, term.Explain())
	case setting != nil:
		io.WriteString(w, setting.Explain())
	}
	return term != nil || setting != nil
}

// settingsOf returns the words NAME=VALUE that are no terms, of the command that begins with
// path and goes on with a kind of argument.
func (s *Session) settingsOf(kind string, path []string) []*command.Setting {
	for _, c := range s.begun(path) {
		if len(c.Settings) > 0 && s.tree.Rest(c.Pattern).Name == kind {
			return c.Settings
		}
	}
	return nil
}

// begun returns the commands that begin with these words, none for no words. Where a word is
// one of a command, it is no argument of another: explain all is no explain <query...>.
func (s *Session) begun(path []string) []*command.Command {
	var out []*command.Command
	for _, c := range s.table {
		if len(path) > 0 && c.Begins(path) {
			out = append(out, c)
		}
	}
	for i, w := range path {
		can, err := s.tree.Next(path[:i])
		if err != nil || !slices.ContainsFunc(can.Next, func(n grammar.Candidate) bool { return n.Kind == nil && n.Word == w }) {
			continue
		}
		if literal := slices.DeleteFunc(slices.Clone(out), func(c *command.Command) bool { return !c.Names(i, w) }); len(literal) > 0 {
			out = literal
		}
	}
	return out
}

// settingNamed returns a setting of any command, nil if none has this name.
func (s *Session) settingNamed(name string) *command.Setting {
	for _, c := range s.table {
		for _, x := range c.Settings {
			if x.Name == name {
				return x
			}
		}
	}
	return nil
}

// columnsSetting returns the setting columns= of a list that has it in place of --columns, nil
// if the name is another one or the words of path are no such list.
func (s *Session) columnsSetting(path []string, name string) *command.Setting {
	all := s.columnsAfter(path, "")
	if name+"=" != columnsWord || len(all) == 0 {
		return nil
	}
	x := &command.Setting{Name: name, Want: "NAMES", Doc: "show these columns, split by commas: " + namesOf(all),
		Examples: []string{columnsWord + all[0].Text}}
	if len(all) > 1 {
		x.Examples = append(x.Examples, columnsWord+all[0].Text+","+all[1].Text)
	}
	return x
}

// columnsWords returns the words columns= that may stand after these words of a command.
func (s *Session) columnsWords(path []string, typed string) []completer.Suggestion {
	all := s.columnsAfter(path, "")
	if len(path) == 0 || len(all) == 0 || s.ownColumns(path) {
		return nil
	}
	value, ok := strings.CutPrefix(typed, columnsWord)
	if !ok && (typed == "" || !strings.HasPrefix(columnsWord, typed)) {
		return nil
	}
	if !ok {
		return []completer.Suggestion{{Text: columnsWord, Description: "show these columns: " + namesOf(all), Class: completer.Term, Open: true}}
	}
	var out []completer.Suggestion
	for _, v := range completer.Rank(s.columnsAfter(path, value), value) {
		out = append(out, completer.Suggestion{Text: columnsWord + v.Text, Class: completer.Value})
	}
	return out
}

// ownColumns reports whether columns= is a setting of the command that begins with path.
func (s *Session) ownColumns(path []string) bool {
	return slices.ContainsFunc(s.begun(path), func(c *command.Command) bool { return c.OwnColumns })
}

// namesOf lists the texts of suggestions for a sentence.
func namesOf(all []completer.Suggestion) string {
	var names []string
	for _, v := range all {
		names = append(names, v.Text)
	}
	return render.AnyOf(names)
}
