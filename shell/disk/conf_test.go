package disk

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestConf reads a configuration of several files, of which some include each
// other or are not there.
func TestConf(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", dir)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key := strings.Repeat("k", 32)
	main := file("smtpd.conf", "first\n  include \"DIR/keys\"\ninclude\t\"DIR/none\"\ninclude DIR/keys\nqueue encryption $key\nlast\n")
	keys := file("keys", "key = \""+key+"\"\ninclude \"DIR/smtpd.conf\"\n")
	if got, _ := ConfKey(main); got != key {
		t.Errorf("key %q", got)
	}
	files := ConfFiles(main)
	if len(files) < 2 || len(files) > 2*maxInclude || files[0] != main || files[1] != keys {
		t.Errorf("files %q", files)
	}
	lines := slices.Collect(ConfLines(main))
	if lines[0] != "first" || lines[1] != "key = \""+key+"\"" || lines[len(lines)-1] != "last" {
		t.Errorf("lines %q", lines)
	}
	if got, _ := ConfKey(file("plain", "queue encryption stdin\n")); got != "" {
		t.Errorf("of stdin: %q", got)
	}
	if got, _ := ConfKey(filepath.Join(dir, "nothing")); got != "" || len(ConfFiles(dir+"/nothing")) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

// TestConfBounded reads configurations that have no end: what is left out is said.
func TestConfBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "smtpd.conf")
	self := "include \"" + path + "\"\n"
	for name, text := range map[string]string{
		"lines":            strings.Repeat("table x { y }\n", maxConf/14+1),
		"a line":           strings.Repeat("x", maxConfLine+1) + "\nqueue encryption k\n",
		"itself":           self,
		"itself, twice":    self + self,
		"sparse":           strings.Repeat("\x00", maxConfLine+1),
		"itself and lines": strings.Repeat("table x { y }\n", 1000) + self + self,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var r confReader
		n := 0
		for line := range r.lines(path) {
			n += len(line)
		}
		if r.err == nil || n > maxConf {
			t.Errorf("%s: %d bytes, %v", name, n, r.err)
		}
		if key, err := ConfKey(path); err == nil {
			t.Errorf("%s: key %q and no error", name, key)
		}
	}
}

// TestLongestLine reads the longest line, and refuses one that is longer by a byte.
func TestLongestLine(t *testing.T) {
	for n, ok := range map[int]bool{maxConfLine: true, maxConfLine + 1: false} {
		path := filepath.Join(t.TempDir(), "smtpd.conf")
		if err := os.WriteFile(path, []byte("#"+strings.Repeat("x", n-1)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var r confReader
		for range r.lines(path) {
		}
		if (r.err == nil) != ok {
			t.Errorf("%d bytes: %v", n, r.err)
		}
	}
}
