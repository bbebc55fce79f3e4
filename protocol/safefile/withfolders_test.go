package safefile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smtpctl/protocol/fulltest"
)

// TestWithFolders asks which folders have folders in them, of folders that never had one,
// have none any more, have files alone, one folder, or more than a folder can count links for.
// On whatever file system the test runs, no folder that has one may be left out.
func TestWithFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	many := fulltest.Of(66_000, 300) // ext4 counts up to 65,000
	path := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, name := range []string{"never", "had", "file", "one/message", "link/target", "many"} {
		must(os.MkdirAll(path(name), 0o700))
	}
	for i := range many {
		must(os.Mkdir(path("many", fmt.Sprint(i)), 0o700))
	}
	must(os.Mkdir(path("had", "message"), 0o700))
	must(os.Remove(path("had", "message")))
	must(os.WriteFile(path("file", "x"), nil, 0o600))
	must(os.Symlink("one", path("symlink")))
	must(os.WriteFile(path("nofolder"), nil, 0o600))
	root, err := OpenRoot(dir)
	must(err)
	defer root.Close()
	keep := []string{path("link"), path("many"), path("nofolder"), path("none"), path("one"), path("symlink")}
	all := append(slices.Clone(keep), path("never"), path("had"), path("file"))
	got := root.WithFolders(slices.Clone(all))
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(got, keep) && !slices.Equal(got, all) {
		t.Errorf("%q, want %q, or all if the file system does not tell", got, keep)
	}
}
