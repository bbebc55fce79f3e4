// Package hostname checks the names of machines, and writes and reads ids that carry the name
// of their machine.
package hostname

import (
	"errors"
	"fmt"
	"strings"
)

// maxName is how many bytes the name of a host, with its user, may have.
const maxName = 255

// Parse checks the name of a host and returns it unchanged. The name is a name of
// ssh_config(5), a name of DNS or an address, after USER@ where needed. ssh puts it into
// ProxyCommand and Match exec, which a shell reads. So Parse refuses every name that could
// be an option of ssh or that has a character which means something to a shell.
func Parse(text string) (string, error) {
	host := text
	if user, rest, ok := strings.Cut(text, "@"); ok {
		if !plainName(user, "._-+") {
			return "", errors.New("expected the name of a user before the @, of letters, digits and . _ - +")
		}
		host = rest
	}
	switch {
	case len(text) > maxName:
		return "", errors.New("the name of a host is at most 255 bytes long")
	case strings.HasPrefix(host, "[") && strings.Contains(host, ":"):
		return "", errors.New("expected an address without brackets; a port is set in ~/.ssh/config, by Port below Host")
	case !plainName(host, "._-:"), host == ".", host == "..":
		return "", errors.New("expected a host as ssh(1) takes it, such as mx1 or admin@mx2.example.com")
	}
	return text, nil
}

// plainName reports whether a word consists of letters of ASCII, digits and the characters in
// others, and does not begin with a dash.
func plainName(s, others string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	})
}

// colon separates the name of a host from an id. An id has no colon, but the name of a host
// may have several, if it is an IPv6 address: so it is the last one of a word.
const colon = ":"

// Qualify returns an id of a machine with the name of that machine, such as
// mx1:1234567812345678.
func Qualify(host, id string) string { return host + colon + id }

// Cut splits what Qualify has made. ok is false if the word has no colon, and then id is the
// word. The error says what is wrong with the name of the host.
func Cut(word string) (host, id string, ok bool, err error) {
	i := strings.LastIndex(word, colon)
	if i < 0 {
		return "", word, false, nil
	}
	host, id = word[:i], word[i+len(colon):]
	if _, err := Parse(host); err != nil {
		return host, id, true, fmt.Errorf("%q before the id: %w", host, err)
	}
	return host, id, true, nil
}
