package completer

import "strings"

// dropOptions takes flags and their values out of the words, and returns
// the flag, if any, whose value follows, and whether a word -- has ended the
// flags.
func (c *Completer) dropOptions(words []string) (rest []string, value *Option, ended bool) {
	for i, w := range words {
		if value != nil {
			value = nil
			continue
		}
		if w == "--" {
			return append(rest, words[i+1:]...), nil, true
		}
		if strings.HasPrefix(w, "-") && len(w) > 1 {
			for i, o := range c.Options {
				if o.Name == w && o.Value {
					value = &c.Options[i]
				}
			}
			continue
		}
		rest = append(rest, w)
	}
	return rest, value, false
}

// optionValues returns what the value of a flag can be.
func (c *Completer) optionValues(o *Option, typed string) Found {
	if o.Kind != nil && c.Source != nil {
		return c.Source.Values(o.Kind, nil, typed)
	}
	return Found{List: Rank(o.Values, typed)}
}

// attached returns what the value of a flag can be that is typed as NAME=VALUE.
func (c *Completer) attached(name, typed string) Found {
	var out Found
	for i, o := range c.Options {
		if o.Name != name || !o.Value {
			continue
		}
		found := c.optionValues(&c.Options[i], typed)
		for _, s := range found.List {
			s.Text = name + "=" + s.Text
			out.List = append(out.List, s)
		}
		out.More = found.More
	}
	return out
}

// options returns the flags that begin with prefix and can be of use after some words,
// those first that only such commands have.
func (c *Completer) options(prefix string, path []string) []Suggestion {
	var own, out []Suggestion
	for _, o := range c.Options {
		switch s := (Suggestion{Text: o.Name, Description: o.Doc}); {
		case !strings.HasPrefix(o.Name, prefix), o.Name == prefix, o.Fits != nil && !o.Fits(path):
		case o.Own && len(path) > 0:
			own = append(own, s)
		default:
			out = append(out, s)
		}
	}
	return append(own, out...)
}
