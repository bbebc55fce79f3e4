package suggest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// Bounds of a search for an address.
const (
	minSearch   = 2                      // letters typed
	maxSearched = 200_000                // envelopes looked at
	showEvery   = 100 * time.Millisecond // how often what has been found is shown
)

// A fetcher finds the values of an argument. It may call show with a part of
// them while it goes on.
type fetcher func(ctx context.Context, show func(completer.Found)) completer.Found

// Values implements completer.Source.
func (l *Live) Values(kind *grammar.Kind, path []string, prefix string) completer.Found {
	if kind.Path {
		if l.NoFiles {
			return completer.Found{}
		}
		return ranked(files(filepath.Dir(prefix+"x"), prefix), prefix)
	}
	var get fetcher
	switch kind.Name {
	case "envelope", "id":
		return l.ids(kind.Name, path, prefix)
	case "selector", "scheduled", "held", "query", "condition", "grouping":
		return l.selectorWords(kind.Name, path, prefix)
	case "statistic":
		return l.statistics(path, prefix)
	case "program":
		return l.programs(prefix)
	case "table":
		return ranked(tables(), prefix)
	case "route":
		get = l.online(fetchRoutes)
	case "address":
		get = l.online(fetchSources)
		if l.offers(path) == command.OffersPaused {
			get = l.online(blockPart(0, ""))
		}
	case "domain":
		get = l.online(fetchDomains)
		if l.offers(path) == command.OffersPaused && len(path) > 3 {
			get = l.online(blockPart(1, path[3]))
		}
	}
	if get == nil {
		return completer.Found{}
	}
	found := l.get(strings.Join(path, " ")+" "+kind.Name, false, get)
	return completer.Found{List: completer.RankValues(valued(found.List), prefix), More: found.More}
}

// ranked returns those of all values that fit.
func ranked(all []completer.Suggestion, prefix string) completer.Found {
	return completer.Found{List: completer.Rank(valued(all), prefix)}
}

// valued returns suggestions as values of arguments.
func valued(all []completer.Suggestion) []completer.Suggestion {
	out := slices.Clone(all)
	for i := range out {
		out[i].Class = completer.Value
	}
	return out
}

// offers returns what the command that begins with some words offers.
func (l *Live) offers(path []string) command.Offers {
	if l.Offers == nil {
		return command.OffersListed
	}
	return l.Offers(path)
}

// online makes a fetcher of a question to smtpd.
func (l *Live) online(ask func(context.Context, *protocol.Conn) []completer.Suggestion) fetcher {
	return func(ctx context.Context, _ func(completer.Found)) completer.Found {
		conn, err := l.dial(ctx)
		if err != nil {
			return completer.Found{}
		}
		return completer.Found{List: ask(ctx, conn)}
	}
}

// blockPart returns the sources (0) or domains (1) of what pause mta from has
// paused; the domains of one source if that is given.
func blockPart(part int, source string) func(context.Context, *protocol.Conn) []completer.Suggestion {
	return func(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
		var out []completer.Suggestion
		for line, err := range conn.Lines(ctx, protocol.Blocks) {
			if err != nil {
				break
			}
			src, domain, ok := strings.Cut(line, " -> ")
			src = strings.Trim(src, "[]")
			if _, err := command.ParseAddr(src); !ok || err != nil || !looksLikeDomain(domain) || source != "" && src != source {
				continue
			}
			s := completer.Suggestion{Text: src, Description: "paused for " + domain}
			if part == 1 {
				s = completer.Suggestion{Text: domain, Description: "paused from " + src}
			}
			if !slices.ContainsFunc(out, func(have completer.Suggestion) bool { return have.Text == s.Text }) {
				out = append(out, s)
			}
		}
		return out
	}
}

// looksLikeDomain reports whether a text from smtpd has only what the name of a
// domain has, or an address in its place: only such texts are offered.
func looksLikeDomain(s string) bool {
	return s != "" && len(s) <= 255 && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:[]", r)
	})
}

// tables returns the tables that smtpd.conf names.
func tables() []completer.Suggestion {
	var out []completer.Suggestion
	for line := range disk.ConfLines(disk.ConfPath()) {
		if w := strings.Fields(line); len(w) >= 2 && w[0] == "table" && LooksLikeTable(w[1]) {
			out = append(out, completer.Suggestion{Text: w[1], Description: render.Safe(strings.Join(w[2:], " "))})
		}
		if len(out) >= fetchItems {
			break
		}
	}
	return out
}

// LooksLikeTable reports whether a word of smtpd.conf can be the name of a table.
func LooksLikeTable(s string) bool {
	return s[0] != '-' && s == render.Safe(s) && !strings.ContainsAny(s, "'\"\\$`<>{}")
}

// files returns the names in a folder, as they would be typed after what stands
// there already.
func files(dir, typed string) []completer.Suggestion {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	base := typed[:strings.LastIndexByte(typed, '/')+1]
	var out []completer.Suggestion
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name != render.Safe(name) {
			continue
		}
		s := completer.Suggestion{Text: base + name}
		if base == "" && name[0] == '-' {
			s.Text = "./" + name // else it would be an option
		}
		if e.IsDir() {
			s.Text += "/"
			s.Open = true
			s.Description = "folder"
		}
		out = append(out, s)
	}
	return out
}

// fetchRoutes asks for the numbers of the routes.
func fetchRoutes(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var out []completer.Suggestion
	for line, err := range conn.Lines(ctx, protocol.Routes) {
		if err != nil {
			break
		}
		id, rest, ok := strings.Cut(line, ". ")
		if _, err := command.ParseRoute(id); ok && err == nil && len(out) < fetchItems {
			out = append(out, completer.Suggestion{Text: id, Description: render.Safe(rest)})
		}
	}
	return out
}
