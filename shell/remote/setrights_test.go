package remote

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/remote/sshdtest"
)

// TestFilesBySetWay reads a file of root before smtpd has been reached, where a way by sudo or
// doas is set: the other of the two, which would be allowed as well, is not started.
func TestFilesBySetWay(t *testing.T) {
	t.Parallel()
	need(t, "sudo", "doas", "nc")
	for i, way := range []string{"sudo-nc", "sudo-socat", "sudo-stdio", "doas-nc", "doas-socat", "doas-stdio"} {
		if !fulltest.Takes(i, 3) {
			continue
		}
		other := "doas"
		if i >= 3 {
			other = "sudo"
		}
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			srv, f := reachMachine(t, sshdtest.Machine{
				Sudoers: "root ALL=(ALL) ALL\n" + sshdtest.User + " ALL=(root) NOPASSWD: ALL\n",
				Doas:    "permit nopass " + sshdtest.User + "\n",
				// All that it says is that it was started.
				Mounts: "mkdir -m 777 \"$1/says\"\n" +
					"printf '#!/bin/sh\\n: >%s/started\\nexit 1\\n' \"$1/says\" >\"$1/other\"\nchmod 755 \"$1/other\"\n" +
					"mount --bind \"$1/other\" \"$(command -v " + other + ")\"\n",
			}, sshdtest.User)
			os.Chmod(filepath.Join(srv.Dir, "says"), 0o777)
			secret := filepath.Join(srv.Dir, "secret")
			if err := os.WriteFile(secret, []byte("of root\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			r, _, err := f.Host("mx1").Files(context.Background(), "/run/none.sock", time.Minute).By(way).Open(srv.Dir, secret, 0)
			if err != nil {
				t.Fatalf("%v\n%s", err, srv.Log())
			}
			defer r.Close()
			if text, err := io.ReadAll(r); err != nil || string(text) != "of root\n" {
				t.Errorf("%q, %v", text, err)
			}
			if _, err := os.Stat(filepath.Join(srv.Dir, "says", "started")); err == nil {
				t.Errorf("%s was started", other)
			}
		})
	}
}
