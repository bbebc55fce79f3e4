package shell

import (
	"slices"
	"strings"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// columnsWord is what the word that chooses columns begins with. show queue has it among
// its terms; elsewhere it is another form of --columns.
const columnsWord = "columns="

// resolveWords finds the command that words are, with columns= among them or --columns
// given, which is the same.
func (s *Session) resolveWords(words []string, opts *command.Options) (*grammar.Match, error) {
	at := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, columnsWord) && w != columnsWord })
	if at > 0 && opts.Columns == "" {
		m, err := s.tree.Resolve(slices.Delete(slices.Clone(words), at, at+1))
		if err == nil && len(s.table[m.Rule].Rows) > 0 {
			opts.Columns = strings.TrimPrefix(words[at], columnsWord)
			return m, nil
		}
	}
	m, err := s.tree.Resolve(words)
	if err == nil && opts.Columns != "" && s.table[m.Rule].OwnColumns {
		m, err = s.tree.Resolve(append(slices.Clone(words), columnsWord+opts.Columns))
		opts.Columns = ""
	}
	return m, err
}

// columnsAfter returns the columns that there are already, each time with one more, of the
// list that words stand for.
func (s *Session) columnsAfter(path []string, typed string) []completer.Suggestion {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var out []completer.Suggestion
	for _, c := range s.begun(path) {
		for _, name := range c.ListColumns() {
			v := completer.Suggestion{Text: before + name}
			if !slices.Contains(strings.Split(before, ","), name) && !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}
