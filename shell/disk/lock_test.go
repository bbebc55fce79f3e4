package disk

import (
	"testing"

	"smtpctl/shell/command"
)

// TestLockFolder goes through what --socket and --spool can name, here and on another machine:
// the spool folder is locked only where it is that of the smtpd behind the socket.
func TestLockFolder(t *testing.T) {
	t.Parallel()
	usual := command.DefaultOptions()
	for _, host := range []string{"", "mx1"} {
		for _, tt := range []struct{ socket, spool, want string }{
			{usual.Socket, usual.Spool, usual.Spool},
			{"/run/smtpd.sock", usual.Spool, usual.Spool},
			{"/var/run/../run/smtpd.sock", usual.Spool, usual.Spool},
			{usual.Socket, "/srv/spool", "/srv/spool"},
			{"/srv/run/smtpd.sock", "/srv/spool", "/srv/spool"},
			{"/srv/run/smtpd.sock", usual.Spool, "/srv/run"},
			{"/srv/run/smtpd.sock", usual.Spool + "/", "/srv/run"},
			{"smtpd.sock", usual.Spool, "."},
		} {
			c := &command.Call{Opts: command.Options{Socket: tt.socket, Spool: tt.spool, Host: host}}
			if got := LockFolder(c); got != tt.want {
				t.Errorf("host %q, socket %s, spool %s: %s, want %s", host, tt.socket, tt.spool, got, tt.want)
			}
		}
	}
}
