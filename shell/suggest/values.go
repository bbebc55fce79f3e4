package suggest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
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
type fetcher func(ctx context.Context, show func([]completer.Suggestion)) []completer.Suggestion

// Values implements completer.Source.
func (l *Live) Values(kind *grammar.Kind, path []string, prefix string) []completer.Suggestion {
	var get fetcher
	if kind.Path {
		if l.NoFiles {
			return nil
		}
		return completer.Rank(files(filepath.Dir(prefix+"x"), prefix), prefix)
	}
	switch kind.Name {
	case "envelope", "id":
		return l.ids(kind.Name, path, prefix)
	case "selector", "scheduled", "query", "condition", "grouping":
		return l.selectorWords(kind.Name, path, prefix)
	case "route":
		get = l.online(fetchRoutes)
	case "table":
		return completer.Rank(tables(), prefix)
	case "address":
		if l.offers(path) == command.OffersPaused {
			get = l.online(blockPart(0, ""))
		}
	case "domain":
		if l.offers(path) == command.OffersPaused && len(path) > 3 {
			get = l.online(blockPart(1, path[3]))
		}
	}
	if get == nil {
		return nil
	}
	key := strings.Join(path, " ") + " " + kind.Name
	return completer.Rank(l.get(key, false, get), prefix)
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
	return func(ctx context.Context, _ func([]completer.Suggestion)) []completer.Suggestion {
		conn, err := l.dial(ctx)
		if err != nil {
			return nil
		}
		return ask(ctx, conn)
	}
}

// ids returns ids that begin with prefix or, if that is not the beginning of an
// id, those of envelopes whose addresses hold it.
func (l *Live) ids(kind string, path []string, prefix string) []completer.Suggestion {
	prefix = strings.ToLower(prefix)
	hex := prefix == "" || protocol.IsHex(prefix) && len(prefix) <= 16
	key := kind + " " + path[0] + " " + prefix
	unlisted := l.offers(path) == command.OffersUnlisted
	switch {
	case l.offers(path) == command.OffersNothing:
		return nil
	case unlisted && hex:
		return l.get(key, false, func(ctx context.Context, _ func([]completer.Suggestion)) []completer.Suggestion {
			return l.undiscovered(ctx, prefix)
		})
	case unlisted:
		return nil
	case hex:
		return l.get(key, false, l.online(func(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
			return fetchIDs(ctx, conn, kind, prefix)
		}))
	case len(prefix) >= minSearch:
		return l.get(key, true, func(ctx context.Context, show func([]completer.Suggestion)) []completer.Suggestion {
			conn, err := l.dial(ctx)
			if err != nil {
				return nil
			}
			return searchAddress(ctx, conn, kind, prefix, maxSearched, show)
		})
	}
	return nil
}

// searchAddress looks through the queue for envelopes from or to addresses that
// hold a text, and shows what it has found so far. It stops after most
// envelopes, and says so.
func searchAddress(ctx context.Context, conn *protocol.Conn, kind, text string, most int, show func([]completer.Suggestion)) []completer.Suggestion {
	var out []completer.Suggestion
	var last protocol.MessageID
	looked := 0
	shown := time.Now()
	now := shown.Unix()
	stopped := func(why string) []completer.Suggestion {
		return append(out, completer.Suggestion{Text: text, Description: why})
	}
	for e, err := range conn.Envelopes(ctx) {
		if err != nil {
			if ctx.Err() == context.DeadlineExceeded {
				return stopped(fmt.Sprintf("(stopped after %d envelopes: out of time)", looked))
			}
			break
		}
		if looked++; looked > most {
			return stopped(fmt.Sprintf("(stopped after %d envelopes)", most))
		}
		if !holds(e.Sender, text) && !holds(e.Rcpt, text) && !holds(e.Dest, text) {
			continue
		}
		switch id := e.ID.Msg(); {
		case kind != "message":
			out = append(out, completer.Suggestion{Text: e.ID.String(), Description: describe(e, now)})
		case id != last:
			last = id
			out = append(out, completer.Suggestion{Text: id.String(), Description: "message " + describe(e, now)})
		}
		if len(out) >= fetchItems {
			return stopped(fmt.Sprintf("(stopped at %d)", fetchItems))
		}
		if time.Since(shown) > showEvery {
			shown = time.Now()
			show(out)
		}
	}
	return out
}

// holds reports whether an address holds a text, in whatever case.
func holds(a protocol.Address, text string) bool {
	return strings.Contains(strings.ToLower(a.String()), text)
}

// undiscovered returns the ids on disk that smtpd does not know.
func (l *Live) undiscovered(ctx context.Context, prefix string) []completer.Suggestion {
	lo, hi := protocol.EnvelopeID(0), ^protocol.EnvelopeID(0)
	if prefix != "" {
		lo, hi = queue.IDArg{Text: prefix}.Bounds()
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return nil
	}
	known := map[protocol.EnvelopeID]bool{}
	var msg protocol.MessageID
	var out []completer.Suggestion
	looked := 0
	for id, err := range spool.Open(l.spool()).IDs() {
		if err != nil || id < lo {
			continue
		}
		if looked++; id > hi || looked > maxSearched || len(out) >= fetchItems || ctx.Err() != nil {
			break
		}
		if id.Msg() != msg {
			msg = id.Msg()
			clear(known)
			for e, err := range conn.MessageEnvelopes(ctx, msg.First()) {
				if err != nil {
					return out
				}
				known[e.ID] = true
			}
		}
		if !known[id] {
			out = append(out, completer.Suggestion{Text: id.String(), Description: "on disk, not known to smtpd"})
		}
	}
	return out
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

// fetchIDs asks for the ids that begin with some digits.
func fetchIDs(ctx context.Context, conn *protocol.Conn, kind, prefix string) []completer.Suggestion {
	lo, hi := protocol.EnvelopeID(0), ^protocol.EnvelopeID(0)
	if prefix != "" {
		lo, hi = queue.IDArg{Text: prefix}.Bounds()
	}
	list := conn.EnvelopesLimit(ctx, lo, fetchItems)
	if len(prefix) > 8 {
		list = conn.MessageEnvelopes(ctx, lo)
	}
	now := time.Now().Unix()
	var all []protocol.Envelope
	for e, err := range list {
		if err != nil || e.ID > hi || len(all) >= fetchItems {
			break
		}
		if e.ID >= lo {
			all = append(all, *e)
		}
	}
	var out []completer.Suggestion
	for i := range all {
		e := &all[i]
		msg := e.ID.Msg()
		first := i == 0 || all[i-1].ID.Msg() != msg
		many := i+1 < len(all) && all[i+1].ID.Msg() == msg
		if first && len(prefix) <= 8 && (kind == "message" || kind == "id" || (kind == "selector" || kind == "scheduled") && many) {
			out = append(out, completer.Suggestion{Text: msg.String(), Description: "message " + describe(e, now)})
		}
		if kind != "message" && !(kind == "id" && len(prefix) <= 8) {
			out = append(out, completer.Suggestion{Text: e.ID.String(), Description: describe(e, now)})
		}
	}
	return out
}

// describe says on one line what an envelope is.
func describe(e *protocol.Envelope, now int64) string {
	from := e.Sender.String()
	if e.Sender == (protocol.Address{}) {
		from = "<>"
	}
	text := fmt.Sprintf("%s > %s, %s, %s old", from, e.Dest, render.State(e.Flags), render.Age(now-e.Created))
	if e.Retry > 0 {
		text += ", " + render.Tries(e.Retry)
	}
	if e.ErrorLine != "" {
		text += ": " + e.ErrorLine
	}
	return render.Safe(text)
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
