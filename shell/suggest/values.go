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
	"smtpctl/shell/hostname"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
)

// The bounds of a search through the queue.
const (
	minSearch   = 2                      // letters to type before a search for an address begins
	maxSearched = 200_000                // how many envelopes a search reads at most
	showEvery   = 100 * time.Millisecond // how often the values found so far are shown
)

// A fetcher returns the values of an argument on one host. Before it returns it may call show
// with the values that it has so far. When ctx ends, it returns soon.
type fetcher func(ctx context.Context, host string, show func(completer.Found)) completer.Found

// Values implements completer.Source.
func (l *Live) Values(kind *grammar.Kind, path []string, prefix string) completer.Found {
	if kind.Path {
		if l.NoFiles {
			return completer.Found{}
		}
		return ranked(pathSuggestions(filepath.Dir(prefix+"x"), prefix, kind.Folder), prefix)
	}
	var get fetcher
	switch kind.Name {
	case "host", "hosts":
		return l.hosts(prefix)
	case "envelope", "id":
		return l.ids(kind.Name, path, prefix)
	case "selector", "scheduled", "held", "query", "condition", "grouping", "logged":
		return l.selectorWords(kind.Name, path, prefix)
	case "statistic":
		return l.statistics(path, prefix)
	case "program":
		return l.programs(prefix)
	case "table":
		if l.elsewhere() {
			return completer.Found{}
		}
		return ranked(l.tableSuggestions(), prefix)
	case "route":
		get = l.ofHosts(l.viaConn(fetchRoutes))
	case "address":
		get = l.viaConn(l.fetchSources)
		if l.offers(path) == command.OffersPaused {
			get = l.viaConn(blockPart(0, ""))
		}
	case "domain":
		get = l.viaConn(l.fetchDomains)
		if l.offers(path) == command.OffersPaused && len(path) > 3 {
			get = l.viaConn(blockPart(1, path[3]))
		}
	}
	if get == nil {
		return completer.Found{}
	}
	found := l.get(strings.Join(path, " ")+" "+kind.Name, false, get)
	return completer.Found{List: completer.RankValues(valued(found.List), prefix), More: found.More}
}

// ranked returns the suggestions that fit prefix, the best first, as values of arguments.
func ranked(all []completer.Suggestion, prefix string) completer.Found {
	return completer.Found{List: completer.Rank(valued(all), prefix)}
}

// valued returns a copy of suggestions as values of arguments.
func valued(all []completer.Suggestion) []completer.Suggestion {
	out := slices.Clone(all)
	for i := range out {
		out[i].Class = completer.Value
	}
	return out
}

// offers returns which values the command that begins with path takes.
func (l *Live) offers(path []string) command.Offers {
	if l.Offers == nil {
		return command.OffersListed
	}
	return l.Offers(path)
}

// viaConn makes a fetcher that connects to smtpd and calls ask.
func (l *Live) viaConn(ask func(context.Context, *protocol.Conn) []completer.Suggestion) fetcher {
	return func(ctx context.Context, host string, _ func(completer.Found)) completer.Found {
		conn, err := l.dial(ctx, host)
		if err != nil {
			return completer.Found{}
		}
		return completer.Found{List: ask(ctx, conn)}
	}
}

// ofHosts makes the values of a fetcher carry the names of their hosts, where commands are for
// several.
func (l *Live) ofHosts(f fetcher) fetcher {
	if !l.several() {
		return f
	}
	return func(ctx context.Context, host string, show func(completer.Found)) completer.Found {
		found := f(ctx, host, show)
		for i := range found.List {
			found.List[i].Text = hostname.Qualify(host, found.List[i].Text)
		}
		return found
	}
}

// blockPart returns a function that lists the source addresses (part 0) or the domains (part
// 1) between which pause mta from has paused relaying. Unless source is "", it lists only what
// is paused from source.
func blockPart(part int, source string) func(context.Context, *protocol.Conn) []completer.Suggestion {
	return func(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
		var out []completer.Suggestion
		for line, err := range conn.Lines(ctx, protocol.PausedRoutes) {
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

// looksLikeDomain reports whether a text from smtpd has only characters of a domain or of an
// address literal. Other texts are not offered.
func looksLikeDomain(s string) bool {
	return s != "" && len(s) <= 255 && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.:[]", r)
	})
}

// tableSuggestions returns the names of the tables in smtpd.conf.
func (l *Live) tableSuggestions() []completer.Suggestion {
	var out []completer.Suggestion
	for line := range disk.ConfLines(l.conf()) {
		if w := strings.Fields(line); len(w) >= 2 && w[0] == "table" && LooksLikeTable(w[1]) {
			out = append(out, completer.Suggestion{Text: w[1], Description: render.Safe(strings.Join(w[2:], " "))})
		}
		if len(out) >= fetchItems {
			break
		}
	}
	return out
}

// LooksLikeTable reports whether a word of smtpd.conf can be the name of a table and is safe
// to offer.
func LooksLikeTable(s string) bool {
	return s != "" && s[0] != '-' && s == render.Safe(s) && !strings.ContainsAny(s, "'\"\\$`<>{}")
}

// pathSuggestions returns the names in a folder, or of the folders there, without hidden files, each after the folder
// that the user has typed.
func pathSuggestions(dir, typed string, folders bool) []completer.Suggestion {
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
			s.Text = "./" + name // a name that begins with a dash would be an option
		}
		isDir := e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(filepath.Join(dir, name))
			isDir = err == nil && info.IsDir()
		}
		switch {
		case folders && !isDir:
			continue
		case isDir:
			s.Text += "/"
			s.Open = true
			s.Description = "folder"
		}
		out = append(out, s)
	}
	return out
}

// fetchRoutes asks smtpd for the numbers of the routes that it has disabled.
func fetchRoutes(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var out []completer.Suggestion
	parse := report.LineParser(protocol.Routes)
	for line, err := range conn.Lines(ctx, protocol.Routes) {
		if err != nil {
			break
		}
		if r, ok := parse(line).(*report.Route); ok && !r.Disabled {
			continue
		}
		id, rest, ok := strings.Cut(line, ". ")
		if _, err := command.ParseBareRoute(id); ok && err == nil && len(out) < fetchItems {
			out = append(out, completer.Suggestion{Text: id, Description: render.Safe(rest)})
		}
	}
	return out
}
