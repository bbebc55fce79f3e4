package disk

import (
	"os"
	"path/filepath"
	"testing"

	"smtpctl/shell/command"
)

// TestSamePlace writes one path in all the ways there are, with its file there and not.
func TestSamePlace(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"var": "run", "other": dir, "sock": "run/sock"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	const path = "run/sock"
	same := []string{path, "./run/sock", "run//sock", "run/../run/sock", "var/sock", dir + "/run/sock", dir + "/var/sock", dir + "/other/var/sock"}
	apart := []string{"", "run", "run/sock2", "sock2", "var/../../sock", "gone/sock", dir + "/sock/sock"}
	for _, exists := range []bool{false, true} {
		if exists {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			same = append(same, "sock") // a link to the file itself
		}
		for _, p := range same {
			if !samePlace(p, path) || !samePlace(path, p) {
				t.Errorf("%q is not %q, exists %v", p, path, exists)
			}
		}
		for _, p := range apart {
			if samePlace(p, path) || samePlace(path, p) {
				t.Errorf("%q passes for %q, exists %v", p, path, exists)
			}
		}
	}
}

// TestOwnSpool tries the ways to write the default socket and spool folder.
func TestOwnSpool(t *testing.T) {
	d := command.DefaultOptions()
	for _, tt := range []struct {
		socket, spool string
		want          bool
	}{
		{d.Socket, d.Spool, true},
		{"/var//run/smtpd.sock", d.Spool, true},
		{"/tmp/forwarded.sock", d.Spool, false},
		{"/tmp/forwarded.sock", d.Spool + "/", false},
		{"/tmp/forwarded.sock", "/mnt/spool", true},
	} {
		c := &command.Call{Opts: command.Options{Socket: tt.socket, Spool: tt.spool}}
		if got := OwnSpool(c); got != tt.want {
			t.Errorf("%q with %q: %v, want %v", tt.socket, tt.spool, got, tt.want)
		}
	}
	if link, err := os.Readlink("/var/run"); err == nil && link == "/run" {
		if !OwnSpool(&command.Call{Opts: command.Options{Socket: "/run/smtpd.sock", Spool: d.Spool}}) {
			t.Error("/run/smtpd.sock passes for a socket from elsewhere")
		}
	}
}
