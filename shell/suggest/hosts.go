package suggest

import (
	"slices"
	"strings"

	"smtpctl/completer"
)

// hosts returns the hosts and groups that complete the last name of a list of hosts.
func (l *Live) hosts(prefix string) completer.Found {
	if l.Hosts == nil {
		return completer.Found{}
	}
	return completer.Found{List: HostWords(l.Hosts(), prefix)}
}

// HostWords returns lists of hosts that begin with typed and end with one of known. It leaves
// out the hosts that are in the list already.
func HostWords(known []completer.Suggestion, typed string) []completer.Suggestion {
	at := strings.LastIndexByte(typed, ',') + 1
	before := strings.Split(typed[:at], ",")
	list := completer.Rank(valued(known), typed[at:])
	list = slices.DeleteFunc(list, func(s completer.Suggestion) bool { return slices.Contains(before, s.Text) })
	for i := range list {
		list[i].Text = typed[:at] + list[i].Text
	}
	return list
}
