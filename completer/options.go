package completer

import (
	"slices"
	"strings"

	"smtpctl/completer/grammar"
)

// flagValues returns what the value of a flag can be after these words of a command.
func (c *Completer) flagValues(name string, path []string, typed string) Found {
	for i := range c.Options {
		if o := &c.Options[i]; o.Name == name && o.Value {
			return c.optionValues(o, path, typed)
		}
	}
	return Found{List: Rank(seconds, typed)} // of the flag in Place.Every, which is no option
}

// seconds are offered where a number of seconds is wanted.
var seconds = []Suggestion{{Text: "1"}, {Text: "2"}, {Text: "5"}, {Text: "10"}, {Text: "30"}, {Text: "60"}}

// optionValues is flagValues for a flag that there is.
func (c *Completer) optionValues(o *Option, path []string, typed string) Found {
	if o.Kind != nil && c.Source != nil {
		return c.Source.Values(o.Kind, nil, typed)
	}
	if o.Of != nil {
		return Found{List: Rank(o.Of(path, typed), typed)}
	}
	return Found{List: Rank(o.Values, typed)}
}

// attached returns what the value of a flag can be that is typed as NAME=VALUE.
func (c *Completer) attached(name string, path []string, typed string) Found {
	var out Found
	for i, o := range c.Options {
		if o.Name != name || !o.Value {
			continue
		}
		found := c.optionValues(&c.Options[i], path, typed)
		for _, s := range found.List {
			s.Text = name + "=" + s.Text
			out.List = append(out.List, s)
		}
		out.More = found.More
	}
	return out
}

// options returns the flags that can be of use in a place, after these words of a
// command, those first that only such commands have.
func (c *Completer) options(at *grammar.Place, path []string) []Suggestion {
	prefix := at.Word.Text
	var own, out []Suggestion
	if at.Every != "" && strings.HasPrefix(at.Every, prefix) && at.Every != prefix {
		own = append(own, Suggestion{Text: at.Every, Description: c.Every})
	}
	for _, o := range c.Options {
		switch s := (Suggestion{Text: o.Name, Description: o.Doc}); {
		case !strings.HasPrefix(o.Name, prefix), o.Name == prefix, o.Name == at.Every, o.Fits != nil && !o.Fits(path), at.Ended && !slices.Contains(at.Own, o.Name):
		case o.Own && len(path) > 0:
			own = append(own, s)
		default:
			out = append(out, s)
		}
	}
	return append(own, out...)
}
