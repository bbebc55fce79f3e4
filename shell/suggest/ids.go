package suggest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// ids returns the ids that begin with prefix. If prefix cannot begin an id, ids returns the
// ids of envelopes whose sender, recipient or destination contains prefix. Only envelopes that
// match the terms in path are considered. Where commands are for several hosts, each id carries
// the name of its host, and prefix may begin with that name or be a part of it.
func (l *Live) ids(kind string, path []string, prefix string) completer.Found {
	terms := termsIn(path)
	unlisted := l.offers(path) == command.OffersUnlisted
	key := kind + " " + path[0] + " " + terms.String() + " " + prefix
	if l.offers(path) == command.OffersNothing {
		return completer.Found{}
	}
	// What is typed may mean something else for each host.
	wishes, long := map[string]idWish{}, false
	var hosts []string
	for _, host := range l.servers() {
		w := l.wish(host, prefix)
		w.kind, w.terms, w.unlisted = kind, terms, unlisted
		if w.vain() {
			continue
		}
		wishes[host] = w
		hosts = append(hosts, host)
		long = long || !unlisted && (!w.hex || len(terms) > 0)
	}
	if len(hosts) == 0 {
		return completer.Found{}
	}
	found := l.getOf(hosts, key, long, func(ctx context.Context, host string, show func(completer.Found)) completer.Found {
		return l.findIDs(ctx, host, wishes[host], show)
	})
	list := slices.Clone(found.List)
	for i := range list {
		list[i].Class = completer.ID
	}
	return completer.Found{List: list, More: found.More}
}

// An idWish says which ids of a host are wanted.
type idWish struct {
	kind     string
	terms    selector.Selector // that their envelopes match
	unlisted bool              // of files that smtpd does not list
	typed    string
	text     string // the part of typed without the name of a host, in lower case
	hex      bool   // text is the beginning of an id, and not a part of an address
	all      bool   // if no id begins with text, all ids are wanted
	other    bool   // none are: typed names another host
	named    bool   // the ids carry the name of the host
	host     string
}

// wish returns which ids of a host are wanted when prefix is typed.
func (l *Live) wish(host, prefix string) idWish {
	w := idWish{host: cmp.Or(host, command.LocalHost), typed: prefix, text: prefix, named: l.several()}
	begins := func(host string) bool { return strings.HasPrefix(prefix, hostname.Qualify(host, "")) }
	switch head := hostname.Qualify(w.host, ""); {
	case begins(w.host):
		w.text, w.named = prefix[len(head):], true
	case w.named && slices.ContainsFunc(l.servers(), begins):
		w.other = true
	case w.named && strings.HasPrefix(head, prefix):
		if w.all = protocol.IsHex(prefix); !w.all {
			w.text = ""
		}
	}
	w.text = strings.ToLower(w.text)
	w.hex = w.text == "" || protocol.IsHex(w.text) && len(w.text) <= 16
	return w
}

// vain reports whether no ids are to be looked for.
func (w *idWish) vain() bool {
	return w.other || !w.hex && (w.unlisted || len(w.text) < minSearch)
}

// name returns an id as it is offered.
func (w *idWish) name(id string) string {
	if w.named {
		return hostname.Qualify(w.host, id)
	}
	return id
}

// namedIDs makes ids be as they are offered.
func (w *idWish) namedIDs(list []completer.Suggestion) []completer.Suggestion {
	for i := range list {
		list[i].Text = w.name(list[i].Text)
	}
	return list
}

// findIDs fetches the ids of a host.
func (l *Live) findIDs(ctx context.Context, host string, w idWish, show func(completer.Found)) (found completer.Found) {
	conn, err := l.dial(ctx, host)
	switch {
	case w.unlisted:
		found.List = w.namedIDs(l.undiscovered(ctx, host, w.text))
	case err != nil:
	case w.hex && len(w.terms) == 0:
		found = listIDs(ctx, conn, w.kind, w.text)
		found.List = w.namedIDs(found.List)
	default:
		s := search{idWish: w, most: maxSearched, show: show}
		found = s.run(ctx, conn)
	}
	if len(found.List) == 0 && w.all && ctx.Err() == nil {
		w.text, w.all = "", false
		return l.findIDs(ctx, host, w, show)
	}
	return found
}

// listIDs returns the ids that begin with prefix, and says how many more there are, if that is
// known.
func listIDs(ctx context.Context, conn *protocol.Conn, kind, prefix string) completer.Found {
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

// QueueSize asks smtpd how many envelopes its scheduler holds. ok is false if smtpd does not
// answer or does not say.
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

// A search looks through the queue for envelopes that match terms and that either have an id
// with the prefix text or an address that contains text. After most envelopes it stops, and
// its last suggestion says so.
type search struct {
	idWish
	most int
	show func(completer.Found)

	out  []completer.Suggestion
	last protocol.MessageID
	over int // how many envelopes match beyond those in out
}

// run searches the queue and returns the result. Meanwhile it calls show with what it has
// found so far.
func (s *search) run(ctx context.Context, conn *protocol.Conn) completer.Found {
	looked := 0
	shown := time.Now()
	now := shown.Unix()
	stopped := func(why string) completer.Found {
		return completer.Found{List: append(s.out, completer.Suggestion{Text: s.typed, Description: why}), More: -1}
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
		if s.matches(e, now) {
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

// matches reports whether an envelope is one that the search is for. now is in Unix seconds.
func (s *search) matches(e *protocol.Envelope, now int64) bool {
	if s.hex && !strings.HasPrefix(e.ID.String(), s.text) {
		return false
	}
	if !s.hex && !containsFold(e.Sender, s.text) && !containsFold(e.Rcpt, s.text) && !containsFold(e.Dest, s.text) {
		return false
	}
	return s.terms.Match(e, now)
}

// add adds an envelope, or its message if ids of messages are wanted, to the result.
func (s *search) add(e *protocol.Envelope, now int64) {
	id := e.ID.Msg()
	switch {
	case s.kind == "message" && id == s.last:
	case len(s.out) >= fetchItems:
		s.over++
	case s.kind == "message":
		s.out = append(s.out, completer.Suggestion{Text: s.name(id.String()), Description: "message " + envelopeSummary(e, now)})
	default:
		s.out = append(s.out, completer.Suggestion{Text: s.name(e.ID.String()), Description: envelopeSummary(e, now)})
	}
	s.last = id
}

// containsFold reports whether an address contains a text in lower case, ignoring the case of
// the address.
func containsFold(a protocol.Address, text string) bool {
	return strings.Contains(strings.ToLower(a.String()), text)
}

// undiscovered returns the ids of envelope files in the spool that smtpd does not list.
func (l *Live) undiscovered(ctx context.Context, host, prefix string) []completer.Suggestion {
	if l.elsewhere() {
		return nil
	}
	lo, hi := protocol.EnvelopeID(0), ^protocol.EnvelopeID(0)
	if prefix != "" {
		lo, hi = queue.IDArg{Text: prefix}.Bounds()
	}
	conn, err := l.dial(ctx, host)
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

// fetchIDs asks smtpd for the ids that begin with prefix. whole is false if there are more
// than fetchItems envelopes.
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
			out = append(out, completer.Suggestion{Text: msg.String(), Description: "message " + envelopeSummary(e, now)})
		}
		if kind != "message" && !(kind == "id" && len(prefix) <= 8) {
			out = append(out, completer.Suggestion{Text: e.ID.String(), Description: envelopeSummary(e, now)})
		}
	}
	return out, whole
}

// envelopeSummary describes an envelope on one line that is safe for a terminal. now is in
// Unix seconds.
func envelopeSummary(e *protocol.Envelope, now int64) string {
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
