package shell

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"smtpctl/shell/prompt"
)

// TestKeysHelp holds the help about keys and the keys that mean something to each other.
func TestKeysHelp(t *testing.T) {
	t.Parallel()
	said := map[string]int{}
	for _, k := range keysHelp {
		for _, name := range strings.Split(k[0], ", ") {
			said[name]++
		}
	}
	bound := map[string]int{}
	for _, name := range prompt.Keys() {
		bound[name]++
	}
	if !maps.Equal(said, bound) {
		t.Errorf("help says\n%q, bound are\n%q", slices.Sorted(maps.Keys(said)), slices.Sorted(maps.Keys(bound)))
	}
}
