package shell

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
	if got := confKey(main); got != key {
		t.Errorf("key %q", got)
	}
	files := confFiles(main)
	if len(files) < 2 || len(files) > 2*maxInclude || files[0] != main || files[1] != keys {
		t.Errorf("files %q", files)
	}
	lines := slices.Collect(confLines(main))
	if lines[0] != "first" || lines[1] != "key = \""+key+"\"" || lines[len(lines)-1] != "last" {
		t.Errorf("lines %q", lines)
	}
	if got := confKey(file("plain", "queue encryption stdin\n")); got != "" {
		t.Errorf("of stdin: %q", got)
	}
	if got := confKey(filepath.Join(dir, "nothing")); got != "" || len(confFiles(dir+"/nothing")) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}
