package config

import (
	"bufio"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"smtpctl/protocol/safefile"
)

// Bounds of what is read of ssh_config(5).
const (
	maxSSHConfig = 256 << 10 // bytes
	maxSSHHosts  = 1000      // names
)

// SSHHosts returns the names that the user's configuration of ssh has for hosts, for
// completion: those of its lines Host that are no patterns. Files that it includes are not
// read, and a file that cannot be read has none.
func SSHHosts(env func(string) string) []string {
	home := env("HOME")
	if !filepath.IsAbs(home) {
		return nil
	}
	path := filepath.Join(home, ".ssh", "config")
	f, err := safefile.OpenLinked(path) // no FIFO that nobody writes to
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	sc := bufio.NewScanner(io.LimitReader(f, maxSSHConfig))
	for sc.Scan() && len(out) < maxSSHHosts {
		words := strings.Fields(strings.Replace(sc.Text(), "=", " ", 1))
		if len(words) < 2 || !strings.EqualFold(words[0], "Host") {
			continue
		}
		for _, w := range words[1:] {
			if strings.HasPrefix(w, "#") {
				break
			}
			if !strings.ContainsAny(w, "*?!\"") && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}
