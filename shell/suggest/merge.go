package suggest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/completer"
	"smtpctl/shell/hostname"
)

// An entry holds the values for one key, of all hosts.
type entry struct {
	parts  map[string]*part // by host
	merged completer.Found
	fresh  bool // merged is up to date
}

// A part holds the values for one key of one host.
type part struct {
	found    completer.Found
	at       time.Time // when found became complete
	fetching bool
}

// part returns the part for a host, which it makes if there is none.
func (e *entry) part(host string) *part {
	p := e.parts[host]
	if p == nil {
		if e.parts == nil {
			e.parts = map[string]*part{}
		}
		p = &part{}
		e.parts[host] = p
	}
	return p
}

// put sets the values of a host.
func (e *entry) put(host string, found completer.Found) {
	e.part(host).found = found
	e.fresh = false
}

// all returns the values of the given hosts, which must be the same at each call.
func (e *entry) all(hosts []string) completer.Found {
	if len(hosts) == 1 {
		return e.part(hosts[0]).found
	}
	if !e.fresh {
		e.merged, e.fresh = e.merge(hosts), true
	}
	return e.merged
}

// The bounds of the values of several hosts for one key.
const (
	sharedItems = 3 * valueItems // values of all hosts together
	shareItems  = 20             // values of each host at least
	namedHosts  = 3              // how many hosts a description names
)

// bounded returns a copy of the values of one host, cut to its part of sharedItems if there
// are several hosts.
func bounded(found completer.Found, hosts int) completer.Found {
	if hosts == 1 {
		return completer.Found{List: slices.Clone(found.List), More: found.More}
	}
	most := max(sharedItems/hosts, shareItems)
	if over := len(found.List) - most; over > 0 {
		found.List = found.List[:most]
		if found.More >= 0 {
			found.More += over
		}
	}
	return completer.Found{List: slices.Clone(found.List), More: found.More}
}

// merge returns each value of the given hosts once, with the descriptions of all hosts. It
// takes the first value of each host, then the second of each, since a host lists the best
// ones first.
func (e *entry) merge(hosts []string) completer.Found {
	var out completer.Found
	at := map[string]int{} // the index of a value in out.List
	of := map[string]int{} // how many hosts have a value
	for i, more := 0, true; more; i++ {
		more = false
		for _, host := range hosts {
			p := e.parts[host]
			if p == nil || i >= len(p.found.List) {
				continue
			}
			more = true
			s := p.found.List[i]
			said := host
			switch {
			case strings.HasPrefix(s.Text, hostname.Qualify(host, "")): // the value names the host
				said = s.Description
			case s.Description != "":
				said += ": " + s.Description
			}
			of[s.Text]++
			j, known := at[s.Text]
			switch {
			case known && of[s.Text] <= namedHosts:
				out.List[j].Description += "; " + said
			case known:
			case len(out.List) < valueItems:
				at[s.Text] = len(out.List)
				s.Description = said
				out.List = append(out.List, s)
			case out.More >= 0:
				out.More++
			}
		}
	}
	for text, n := range of {
		if j, ok := at[text]; ok && n > namedHosts {
			said, _, _ := strings.Cut(out.List[j].Description, "; ")
			out.List[j].Description = fmt.Sprintf("on %d hosts, %s", n, said)
		}
	}
	for _, host := range hosts {
		p := e.parts[host]
		switch {
		case p == nil:
		case p.found.More < 0:
			out.More = -1
		case out.More >= 0:
			out.More += p.found.More
		}
	}
	return out
}
