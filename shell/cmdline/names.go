package cmdline

import "slices"

// Names are the words that the settings have given names.
type Names struct {
	Selections map[string][]string // by @NAME
	Aliases    map[string][]string // of the beginnings of commands
}

// expand puts the words of an alias and of selections in the place of their names in the
// words of a command, and reports whether there were any. The value of a flag is no name,
// nor is what a command takes as it is.
func (p *Parser) expand(words []string) (out []string, changed bool) {
	if len(p.Names.Aliases) == 0 && len(p.Names.Selections) == 0 {
		return words, false
	}
	if i := p.firstWord(words); i >= 0 {
		if alias := p.Names.Aliases[words[i]]; alias != nil {
			words, changed = slices.Concat(words[:i], alias, words[i+1:]), true
		}
	}
	for i, role := range p.Args(words).Roles {
		if sel := p.Names.Selections[words[i]]; sel != nil && role == RoleWord {
			out, changed = append(out, sel...), true
		} else {
			out = append(out, words[i])
		}
	}
	return out, changed
}

// firstWord returns the index of the first word of a command, or of the command inside
// one that says for which machines it is; below 0 if there is none.
func (p *Parser) firstWord(words []string) int {
	a := p.Args(words)
	skip := a.before
	for i, role := range a.Roles {
		if role != RoleWord {
			continue
		}
		if skip == 0 {
			return i
		}
		skip--
	}
	return -1
}
