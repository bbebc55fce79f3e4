package config

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"smtpctl/protocol/safefile"
)

// allHosts is the group of all hosts of the inventory.
const allHosts = "all"

// maxInventory is how many bytes of an inventory are read.
const maxInventory = 1 << 20

// Hosts returns the hosts of a group: group NAME = HOST..., or for the group all the
// inventory, a file with one host a line.
func (c *Config) Hosts(group string) ([]string, error) {
	for _, g := range c.Groups {
		if g.Name == group {
			return strings.Fields(g.Text), nil
		}
	}
	if group == allHosts && c.Inventory != "" {
		return inventory(c.Inventory)
	}
	return nil, fmt.Errorf("no group @%s: expected group %s = HOST... in %s or in the settings of the user, or for @all inventory = FILE", group, group, System)
}

// inventory returns the hosts in a file: the first word of each line that is not a comment.
func inventory(path string) ([]string, error) {
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
	var hosts []string
	sc := bufio.NewScanner(io.LimitReader(f, maxInventory))
	for sc.Scan() {
		if words := strings.Fields(sc.Text()); len(words) > 0 && !strings.HasPrefix(words[0], "#") {
			hosts = append(hosts, words[0])
		}
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("inventory %s: %w", path, err)
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("inventory %s: it names no host", path)
	}
	return hosts, nil
}
