package suggest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// ids returns ids that begin with prefix or, if that is not the beginning of an
// id, those of envelopes whose addresses hold it: of the envelopes that the terms
// before them select.
func (l *Live) ids(kind string, path []string, prefix string) completer.Found {
	prefix = strings.ToLower(prefix)
	hex := prefix == "" || protocol.IsHex(prefix) && len(prefix) <= 16
	terms := termsIn(path)
	key := kind + " " + path[0] + " " + terms.String() + " " + prefix
	unlisted := l.offers(path) == command.OffersUnlisted
	var found completer.Found
	switch {
	case l.offers(path) == command.OffersNothing:
	case unlisted && hex:
		found = l.get(key, false, func(ctx context.Context, _ func(completer.Found)) completer.Found {
			return completer.Found{List: l.undiscovered(ctx, prefix)}
		})
	case unlisted:
	case hex && len(terms) == 0:
		found = l.get(key, false, l.fetchIDs(kind, prefix))
	case hex || len(prefix) >= minSearch:
		found = l.get(key, true, func(ctx context.Context, show func(completer.Found)) completer.Found {
			conn, err := l.dial(ctx)
			if err != nil {
				return completer.Found{}
			}
			s := search{kind: kind, text: prefix, hex: hex, terms: terms, most: maxSearched, show: show}
			return s.run(ctx, conn)
		})
	}
	list := slices.Clone(found.List)
	for i := range list {
		list[i].Class = completer.ID
	}
	return completer.Found{List: list, More: found.More}
}

// fetchIDs returns what fetches ids that begin with some digits, and how many there are
// in all if that is known.
func (l *Live) fetchIDs(kind, prefix string) fetcher {
	return func(ctx context.Context, _ func(completer.Found)) completer.Found {
		conn, err := l.dial(ctx)
		if err != nil {
			return completer.Found{}
		}
		list, whole := fetchIDs(ctx, conn, kind, prefix)
		found := completer.Found{List: list}
		switch {
		case whole:
		case prefix == "" && kind != "id":
			if n, ok := QueueSize(ctx, conn); ok {
				found.More = max(n-len(list), 1)
			}
		default:
			found.More = -1
		}
		return found
	}
}

// QueueSize asks how many envelopes smtpd's scheduler holds.
func QueueSize(ctx context.Context, conn *protocol.Conn) (n int, ok bool) {
	for st, err := range conn.Stats(ctx) {
		if err != nil {
			return 0, false
		}
		if st.Key == "scheduler.envelope" {
			n, ok = int(st.Value), true
		}
	}
	return n, ok
}

// A search looks through the queue for envelopes that terms select, and of which the id
// begins with a text or the addresses hold it. It stops after most envelopes, and says so.
type search struct {
	kind, text string
	hex        bool // the text is the beginning of ids
	terms      selector.Selector
	most       int
	show       func(completer.Found)

	out  []completer.Suggestion
	last protocol.MessageID
	over int // how many it has found beyond what it offers
}

// run shows what it has found so far, and returns all.
func (s *search) run(ctx context.Context, conn *protocol.Conn) completer.Found {
	looked := 0
	shown := time.Now()
	now := shown.Unix()
	stopped := func(why string) completer.Found {
		return completer.Found{List: append(s.out, completer.Suggestion{Text: s.text, Description: why}), More: -1}
	}
	for e, err := range conn.Envelopes(ctx) {
		if err != nil {
			if ctx.Err() == context.DeadlineExceeded {
				return stopped(fmt.Sprintf("(stopped after %d envelopes: out of time)", looked))
			}
			break
		}
		if looked++; looked > s.most {
			return stopped(fmt.Sprintf("(stopped after %d envelopes)", s.most))
		}
		if s.fits(e, now) {
			s.add(e, now)
		}
		if s.over > 0 && len(s.terms) == 0 {
			return stopped(fmt.Sprintf("(stopped at %d)", fetchItems))
		}
		if len(s.out) > 0 && time.Since(shown) > showEvery {
			shown = time.Now()
			s.show(completer.Found{List: s.out, More: s.over})
		}
	}
	return completer.Found{List: s.out, More: s.over}
}

// fits reports whether an envelope is looked for.
func (s *search) fits(e *protocol.Envelope, now int64) bool {
	if s.hex && !strings.HasPrefix(e.ID.String(), s.text) {
		return false
	}
	if !s.hex && !holds(e.Sender, s.text) && !holds(e.Rcpt, s.text) && !holds(e.Dest, s.text) {
		return false
	}
	return s.terms.Match(e, now)
}

// add takes in an envelope, or its message.
func (s *search) add(e *protocol.Envelope, now int64) {
	id := e.ID.Msg()
	switch {
	case s.kind == "message" && id == s.last:
	case len(s.out) >= fetchItems:
		s.over++
	case s.kind == "message":
		s.out = append(s.out, completer.Suggestion{Text: id.String(), Description: "message " + describe(e, now)})
	default:
		s.out = append(s.out, completer.Suggestion{Text: e.ID.String(), Description: describe(e, now)})
	}
	s.last = id
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

// fetchIDs asks for the ids that begin with some digits, and reports whether these are
// all.
func fetchIDs(ctx context.Context, conn *protocol.Conn, kind, prefix string) (out []completer.Suggestion, whole bool) {
	lo, hi := protocol.EnvelopeID(0), ^protocol.EnvelopeID(0)
	if prefix != "" {
		lo, hi = queue.IDArg{Text: prefix}.Bounds()
	}
	list := conn.EnvelopesLimit(ctx, lo, fetchItems+1)
	if len(prefix) > 8 {
		list = conn.MessageEnvelopes(ctx, lo)
	}
	now := time.Now().Unix()
	var all []protocol.Envelope
	whole = true
	for e, err := range list {
		if err != nil || e.ID > hi {
			break
		}
		if len(all) >= fetchItems {
			whole = false
			break
		}
		if e.ID >= lo {
			all = append(all, *e)
		}
	}
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
	return out, whole
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
