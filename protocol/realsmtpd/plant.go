package realsmtpd

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"smtpctl/protocol"
)

// A Planted is an envelope that is written into the queue as a file.
type Planted struct {
	ID   protocol.EnvelopeID
	Text string // of the envelope
	Body string // of the message, if no other envelope has brought it
}

// Plant writes an envelope and its message into the queue. smtpd loads them when it
// starts, or on discover.
func (d *Daemon) Plant(p Planted) {
	d.t.Helper()
	uid := d.queueUser()
	msg := p.ID.Msg().String()
	queue := filepath.Join(d.Spool, "queue")
	top := filepath.Join(queue, msg[:2])
	dir := filepath.Join(top, msg)
	for _, s := range []string{queue, top, dir} {
		if err := os.Mkdir(s, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			d.t.Fatal(err)
		}
		os.Chown(s, uid, 0)
	}
	files := map[string]string{p.ID.String(): p.Text}
	if _, err := os.Stat(filepath.Join(dir, "message")); err != nil {
		files["message"] = p.Body
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			d.t.Fatal(err)
		}
		os.Chown(path, uid, 0)
	}
}

// queueUser returns the uid that owns the queue.
func (d *Daemon) queueUser() int {
	b, err := os.ReadFile(d.Root + "/etc/passwd")
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); f[0] == "opensmtpq" {
			uid, _ := strconv.Atoi(f[2])
			return uid
		}
	}
	d.t.Fatal("no user opensmtpq")
	return 0
}
