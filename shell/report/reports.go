package report

import (
	"context"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// splitAttrs splits the key=value words off the end of a line.
func splitAttrs(line string) (head string, kv map[string]string) {
	words := strings.Split(line, " ")
	kv = map[string]string{}
	n := len(words)
	for n > 0 {
		key, value, ok := strings.Cut(words[n-1], "=")
		if !ok || key == "" || strings.ContainsAny(key, "[],:") {
			break
		}
		kv[key] = value
		n--
	}
	return strings.Join(words[:n], " "), kv
}

// attrInt returns a count among the attributes of a line.
func attrInt(kv map[string]string, key string) int {
	n, _ := strconv.Atoi(kv[key])
	return n
}

// attrSeconds returns a duration among the attributes of a line, or nil for "-".
func attrSeconds(kv map[string]string, key string) *int64 {
	n, err := selector.ParseTime(strings.TrimPrefix(kv[key], "-"))
	if err != nil {
		return nil
	}
	return &n
}

// trimBrackets removes the brackets of an IPv6 address. [] stands for no address.
func trimBrackets(addr string) string { return strings.Trim(addr, "[]") }

// A Route is a line of show routes.
type Route struct {
	ID          uint64 `json:"id"`
	Source      string `json:"source,omitempty"`
	Destination string `json:"destination"`
	Name        string `json:"name,omitempty"`
	Disabled    bool   `json:"disabled"`
	Connections int    `json:"connections"`
	Errors      int    `json:"errors"`
	Penalty     int    `json:"penalty"`
	Timeout     *int64 `json:"timeout,omitempty"` // seconds until smtpd looks at it again
}

func parseRouteLine(line string) any {
	head, kv := splitAttrs(line)
	id, rest, ok := strings.Cut(head, ". ")
	src, rest, ok2 := strings.Cut(rest, " <-> ")
	words := strings.Fields(rest)
	if !ok || !ok2 || len(words) < 2 {
		return nil
	}
	flags := words[len(words)-1]
	r := &Route{Source: trimBrackets(src), Destination: trimBrackets(words[0]), Disabled: strings.Contains(flags, "D"), Connections: attrInt(kv, "nconn"),
		Errors: attrInt(kv, "nerror"), Penalty: attrInt(kv, "penalty"), Timeout: attrSeconds(kv, "timeout")}
	r.ID, _ = strconv.ParseUint(id, 10, 64)
	if len(words) > 2 {
		r.Name = strings.Trim(words[1], "()")
	}
	return r
}

// A Host is a line of show hosts.
type Host struct {
	Address     string `json:"address"`
	Name        string `json:"name,omitempty"`
	References  int    `json:"references"`
	Connections int    `json:"connections"`
	Last        *int64 `json:"last_connection,omitempty"` // seconds ago
}

func parseHostLine(line string) any {
	head, kv := splitAttrs(line)
	addr, name, _ := strings.Cut(head, " ")
	if name == "(null)" {
		name = ""
	}
	return &Host{Address: trimBrackets(addr), Name: name, References: attrInt(kv, "refcount"), Connections: attrInt(kv, "nconn"), Last: attrSeconds(kv, "lastconn")}
}

// A Relay is a line of show relays, or one of the connectors under it.
type Relay struct {
	Kind        string   `json:"kind"` // relay or connector
	Relay       string   `json:"relay"`
	Domain      string   `json:"domain,omitempty"`
	Source      string   `json:"source,omitempty"` // of a connector
	References  int      `json:"references"`
	Tasks       int      `json:"tasks"`
	Connections int      `json:"connections"`
	Last        *int64   `json:"last_connection,omitempty"`
	Timeout     *int64   `json:"timeout,omitempty"`
	Waits       []string `json:"waits,omitempty"` // what it waits for
	OnHold      bool     `json:"on_hold,omitempty"`
	Flags       []string `json:"flags,omitempty"` // of a connector
}

// RelayParser remembers the relay that connectors belong to.
func RelayParser() func(string) any {
	current := ""
	domain := ""
	return func(line string) any {
		head, kv := splitAttrs(line)
		r := &Relay{Kind: "relay", References: attrInt(kv, "refcount"), Tasks: attrInt(kv, "ntask"), Connections: attrInt(kv, "nconn"),
			Last: attrSeconds(kv, "lastconn"), Timeout: attrSeconds(kv, "timeout")}
		if src, ok := strings.CutPrefix(head, "  connector "); ok {
			r.Kind, r.Source = "connector", trimBrackets(src)
			r.Flags = list(kv["flags"])
		} else {
			current = head
			domain, _, _ = strings.Cut(strings.TrimPrefix(strings.Trim(head, "[]"), "relay:"), ",")
			wait, held := strings.CutSuffix(kv["wait"], "ONHOLD")
			r.OnHold = held
			r.Waits = list(wait)
		}
		r.Relay, r.Domain = current, domain
		return r
	}
}

func list(s string) []string {
	if s == "" || s == "-" {
		return nil
	}
	return strings.Split(s, ",")
}

// A HostStat is a line of show hoststats.
type HostStat struct {
	Domain string      `json:"domain"`
	Time   render.Time `json:"time,omitempty"`
	Status string      `json:"status"`
}

func parseHostStatLine(line string) any {
	f := strings.SplitN(line, "|", 3)
	if len(f) < 3 {
		return nil
	}
	t, _ := strconv.ParseInt(f[1], 10, 64)
	return &HostStat{Domain: f[0], Time: render.Time(t), Status: f[2]}
}

// A Block is a line of show mta paused.
type Block struct {
	Source  string `json:"source"`
	Domain  string `json:"domain"`
	Warning string `json:"warning,omitempty"` // that it has no effect, and why
}

func parseBlockLine(line string) any {
	src, domain, ok := strings.Cut(line, " -> ")
	if !ok {
		return nil
	}
	return &Block{Source: trimBrackets(src), Domain: domain}
}

// LineParser returns the parser for the lines of a report.
func LineParser(r protocol.Report) func(string) any {
	switch r {
	case protocol.Routes:
		return parseRouteLine
	case protocol.Hosts:
		return parseHostLine
	case protocol.Relays:
		return RelayParser()
	case protocol.HostStats:
		return parseHostStatLine
	}
	return parseBlockLine
}

// ReadReport requests a report and returns its lines that are of type T.
func ReadReport[T any](ctx context.Context, conn *protocol.Conn, r protocol.Report) ([]*T, error) {
	parse := LineParser(r)
	var out []*T
	for line, err := range conn.Lines(ctx, r) {
		if err != nil {
			return nil, err
		}
		if v, ok := parse(line).(*T); ok {
			out = append(out, v)
		}
	}
	return out, nil
}

// Since formats how long ago a time was.
func Since(t, now int64) string { return render.Age(now-t) + " ago" }

// LookupTimeout is how long the look-up of the hosts for a domain may take.
const LookupTimeout = 2 * time.Second

// SameName reports whether two names of domains or hosts are the same.
func SameName(a, b string) bool {
	return a != "" && strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}
