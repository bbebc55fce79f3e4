package config

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"

	"smtpctl/protocol/safefile"
)

// allHosts is the group of all hosts of the inventory.
const allHosts = "all"

// maxInventory is how many bytes of an inventory are read.
const maxInventory = 1 << 20

// Hosts returns the members of a group, each with the file and line that names it: group NAME =
// HOST..., or for the group all the inventory, a file with one host a line. A member that begins
// with @ is another group. Nothing else of the names is checked.
func (c *Config) Hosts(group string) ([]Named, error) {
	for _, g := range c.Groups {
		if g.Name != group {
			continue
		}
		var members []Named
		for _, name := range strings.FieldsFunc(g.Text, func(r rune) bool { return unicode.IsSpace(r) || r == ',' }) {
			members = append(members, Named{Name: name, Where: g.Where})
		}
		if len(members) == 0 {
			return nil, fmt.Errorf("%s: group %s names no host", g.Where, group)
		}
		return members, nil
	}
	if group == allHosts && c.Inventory != "" {
		return inventory(c.Inventory)
	}
	return nil, fmt.Errorf("no group @%s: expected group %s = HOST... in %s or in the settings of the user, or for @all inventory = FILE", group, group, System)
}

// inventory returns the hosts in a file: the first word of each line that is not a comment.
func inventory(path string) ([]Named, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("inventory %s: expected a path that begins with a slash", path)
	}
	f, err := safefile.OpenLinked(path)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	defer f.Close()
	if err := trusted(f); err != nil {
		return nil, fmt.Errorf("inventory %s: %w", path, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxInventory+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("inventory %s: %w", path, err)
	case len(text) > maxInventory: // a part of it would be fewer machines than were meant
		return nil, fmt.Errorf("inventory %s: it has more than %d bytes", path, maxInventory)
	}
	var hosts []Named
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), byteOrderMark)) {
		n++
		if words := strings.Fields(line); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			hosts = append(hosts, Named{Name: words[0], Where: fmt.Sprintf("%s:%d", path, n)})
		}
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("inventory %s: it names no host", path)
	}
	return hosts, nil
}
