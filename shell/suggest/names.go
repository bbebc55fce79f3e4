package suggest

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
	"smtpctl/shell/selector"
)

// statistics returns the names of the statistics of smtpd or, after the operator of a term,
// terms with the present value of the statistic.
func (l *Live) statistics(path []string, prefix string) completer.Found {
	if len(path) > 0 && path[len(path)-1] == "for" {
		return completer.Found{List: completer.Rank(waits, prefix)}
	}
	name, op, value, term := selector.Split(prefix)
	if term && l.several() {
		return completer.Found{} // the present values differ between hosts
	}
	found := l.get("statistics", false, l.viaConn(fetchStats))
	var out []completer.Suggestion
	for _, s := range found.List {
		if !term {
			s.Text, s.Open = s.Text+"=", true
			out = append(out, s)
		} else if s.Text == name && op != "~" && op != "!~" {
			now := strings.TrimPrefix(s.Description, "now ")
			for _, v := range []completer.Suggestion{{Text: now, Description: "what it is now"}, {Text: now + "-", Description: "that or more"}, {Text: "-" + now, Description: "that or less"}} {
				v.Text = name + op + v.Text
				out = append(out, v)
			}
			return ranked(out, name+op+value)
		}
	}
	out = completer.RankValues(valued(out), prefix)
	if len(path) > 2 && strings.HasPrefix(waitFor.Text, prefix) {
		out = append([]completer.Suggestion{waitFor}, out...)
	}
	return completer.Found{List: out}
}

// fetchStats asks smtpd for its statistics.
func fetchStats(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var out []completer.Suggestion
	for st, err := range conn.Stats(ctx) {
		if err != nil || len(out) >= valueItems {
			break
		}
		if st.Key == render.Safe(st.Key) && !strings.ContainsAny(st.Key, "=~! ") {
			out = append(out, completer.Suggestion{Text: st.Key, Description: "now " + strconv.FormatInt(queue.StatNumber(st), 10)})
		}
	}
	return out
}

// A collector gathers up to valueItems values, each once.
type collector struct {
	out  []completer.Suggestion
	seen map[string]bool
}

// add adds a value, unless it is known or there are too many.
func (c *collector) add(text, description string) {
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	if !c.seen[text] && len(c.out) < valueItems {
		c.seen[text] = true
		c.out = append(c.out, completer.Suggestion{Text: text, Description: render.Safe(description)})
	}
}

// fetchSources returns the addresses from which mail leaves: the source addresses of the
// present relays, and the addresses after src in smtpd.conf of this machine.
func (l *Live) fetchSources(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var c collector
	relays, _ := report.ReadReport[report.Relay](ctx, conn, protocol.Relays)
	for _, r := range relays {
		if _, err := command.ParseAddr(r.Source); r.Kind == "connector" && err == nil {
			c.add(r.Source, "a relay for "+r.Domain+" uses it")
		}
	}
	if l.elsewhere() {
		return c.out
	}
	for line := range disk.ConfLines(l.conf()) {
		words := strings.Fields(line)
		for i, w := range words {
			if i == 0 || words[i-1] != "src" {
				continue
			}
			if a, err := netip.ParseAddr(strings.Trim(w, `"`)); err == nil {
				c.add(a.Unmap().String(), "src in smtpd.conf")
			}
		}
	}
	return c.out
}

// fetchDomains returns the domains to which mail goes: those of the present relays, then those
// in the queue.
func (l *Live) fetchDomains(ctx context.Context, conn *protocol.Conn) []completer.Suggestion {
	var c collector
	relays, _ := report.ReadReport[report.Relay](ctx, conn, protocol.Relays)
	for _, r := range relays {
		if r.Kind == "relay" && looksLikeDomain(r.Domain) {
			c.add(r.Domain, "has a relay")
		}
	}
	found := l.countValues(ctx, conn, "domain", nil, func(completer.Found) {})
	for _, s := range found.List {
		if looksLikeDomain(s.Text) {
			c.add(s.Text, s.Description)
		}
	}
	return c.out
}

// filters are the programs that most often read the output of a command.
var filters = []completer.Suggestion{
	{Text: "grep", Description: "lines that match"}, {Text: "less", Description: "page by page"}, {Text: "sort", Description: "in order"},
	{Text: "head", Description: "the first lines"}, {Text: "tail", Description: "the last lines"}, {Text: "wc", Description: "count lines"},
	{Text: "awk", Description: "fields"}, {Text: "cut", Description: "columns"}, {Text: "sed", Description: "edit"},
	{Text: "uniq", Description: "lines that differ"}, {Text: "tee", Description: "a copy into a file"}, {Text: "mail", Description: "send it"},
}

// programs returns the programs in the PATH that begin with prefix, the filters first. Without
// a prefix it returns only the filters.
func (l *Live) programs(prefix string) completer.Found {
	if l.NoFiles || strings.ContainsAny(prefix, "/$") {
		return completer.Found{}
	}
	all := l.getOf(here, "programs", false, func(context.Context, string, func(completer.Found)) completer.Found {
		return completer.Found{List: executables(filepath.SplitList(os.Getenv("PATH")))}
	})
	var c collector
	for _, f := range filters {
		if strings.HasPrefix(f.Text, prefix) && slices.ContainsFunc(all.List, func(s completer.Suggestion) bool { return s.Text == f.Text }) {
			c.add(f.Text, f.Description)
		}
	}
	for _, s := range all.List {
		if prefix != "" && strings.HasPrefix(s.Text, prefix) {
			c.add(s.Text, "")
		}
	}
	return completer.Found{List: c.out}
}

// The bounds of the search for programs.
const (
	maxFolders  = 50
	maxPrograms = 20_000
)

// executables returns the names of the files in some folders, in order. It does not check
// whether the files can be executed.
func executables(folders []string) []completer.Suggestion {
	var out []completer.Suggestion
	seen := map[string]bool{}
	for _, dir := range folders[:min(len(folders), maxFolders)] {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			name := e.Name()
			if seen[name] || e.IsDir() || name != render.Safe(name) || strings.ContainsAny(name, " []") || len(out) >= maxPrograms {
				continue
			}
			seen[name] = true
			out = append(out, completer.Suggestion{Text: name})
		}
	}
	slices.SortFunc(out, func(a, b completer.Suggestion) int { return strings.Compare(a.Text, b.Text) })
	return out
}
