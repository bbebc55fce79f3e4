package spool

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
)

const goodEnvelope = "version: 3\ndispatcher: relay\ntag: \ntype: mta\nsmtpname: mx\nhelo: h\nhostname: h\nerrorline: e\nsockaddr: [::1]\nsender: \n" +
	"rcpt: b@y\ndest: b@y\nctime: 1\nlast-try: 0\nlast-bounce: 0\nttl: 0\nretry: 3\nflags: bounce internal\ndsn-notify: 0\nesc-class: 0\nesc-code: 0\n"

// plantFile writes an envelope file into a new queue.
func plantFile(t *testing.T, content []byte) (*Spool, protocol.EnvelopeID) {
	t.Helper()
	s := Open(t.TempDir())
	id := protocol.EnvelopeID(0xabcd0001<<32 | 1)
	if err := os.MkdirAll(s.MessageDir(id.Msg()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.EnvelopePath(id), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return s, id
}

// TestCheckFields spoils every field that smtpd knows, each with a value that it does not take, and the file as a whole: all is
// refused with a cause that names the field; what is not spoiled passes.
func TestCheckFields(t *testing.T) {
	long := strings.Repeat("x", 3000)
	bad := map[string]string{"type": "lmtp", "sockaddr": "[::1", "flags": "urgent", "bounce-type": "soft", "dsn-ret": "none",
		"sender": long + "@x", "rcpt": "x@" + long, "dest": long, "version": "4"}
	for name, check := range fieldChecks() {
		value, ok := bad[name]
		if !ok {
			value = long // too long for a text, and no number
		}
		var lines []string
		for line := range strings.Lines(goodEnvelope) {
			if !strings.HasPrefix(line, name+":") {
				lines = append(lines, line)
			}
		}
		s, id := plantFile(t, []byte(strings.Join(lines, "")+name+": "+value+"\n"))
		_, err := s.Check(id)
		cause, refused := IsRefused(err)
		if want := check != nil; refused != want || want && !strings.Contains(cause, name) || len(cause) > 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range []struct{ name, content, want string }{
		{"empty", "", "empty"}, {"cut", goodEnvelope[:40], "cut"}, {"no newline", strings.TrimSuffix(goodEnvelope, "\n"), "cut"},
		{"field", goodEnvelope + "bogus: 1\n", `"bogus"`}, {"zero", goodEnvelope + "a\x00: 1\n", "zero byte"},
		{"garbage", "\x7fELF \xff\n", "line 1"}, {"no version", "helo: h\nhostname: h\n", "version"},
		{"CRLF", strings.ReplaceAll(goodEnvelope, "\n", "\r\n"), "version"},
		{"helo", strings.Replace(goodEnvelope, "helo: h", "helo:", 1), "helo"},
		{"hostname", strings.Replace(goodEnvelope, "hostname: h\n", "", 1), "hostname"},
		{"good", goodEnvelope, ""}, {"fields of either case", strings.Replace(goodEnvelope, "helo", "HELO", 1), ""},
	} {
		for _, packed := range []bool{false, true} {
			content := []byte(tt.content)
			if packed && len(content) > 0 {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				z.Write(content)
				z.Close()
				content = b.Bytes()
			}
			s, id := plantFile(t, content)
			c, err := s.Check(id)
			cause, refused := IsRefused(err)
			if refused != (tt.want != "") || !strings.Contains(cause, tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
			if tt.want == "" && (c.Dispatcher != "relay" || c.Type != protocol.DeliverMTA || c.Compressed != packed) {
				t.Errorf("%s: %+v", tt.name, c)
			}
			if packed && len(content) > 0 {
				s, id := plantFile(t, content[:len(content)-6])
				if _, err := s.Check(id); err == nil || !strings.Contains(err.Error(), "damaged") {
					t.Errorf("%s, packed and cut: %v", tt.name, err)
				}
			}
		}
	}
}

// TestCheckAccess makes a file and its folders unreadable for the queue's user, and the file a link, a folder and a FIFO.
func TestCheckAccess(t *testing.T) {
	s, id := plantFile(t, []byte(goodEnvelope))
	path := s.EnvelopePath(id)
	if os.Geteuid() == 0 {
		for _, dir := range []string{s.Queue(), filepath.Dir(filepath.Dir(path)), filepath.Dir(path), path} {
			if err := os.Chown(dir, 12345, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range []string{path, filepath.Dir(path), filepath.Dir(filepath.Dir(path))} {
		info, _ := os.Stat(p)
		if os.Geteuid() == 0 {
			os.Chown(p, 0, 0)
			if cause, ok := IsRefused(second(s.Check(id))); !ok || !strings.Contains(cause, "uid 12345, cannot read it") {
				t.Errorf("%s of root: %q", p, cause)
			}
			os.Chown(p, 12345, 0)
			os.Chmod(p, 0)
			if cause, ok := IsRefused(second(s.Check(id))); !ok || !strings.Contains(cause, "mode 0000") {
				t.Errorf("%s without rights: %q", p, cause)
			}
			os.Chmod(p, info.Mode().Perm())
		}
		if _, err := s.Check(id); err != nil {
			t.Errorf("%s as it was: %v", p, err)
		}
	}
	os.Rename(path, path+".kept")
	if _, err := s.Check(id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for what, make := range map[string]func() error{
		"link": func() error { return os.Symlink(path+".kept", path) }, "folder": func() error { return os.Mkdir(path, 0o700) },
		"FIFO": func() error { return mkfifo(path) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if cause, ok := IsRefused(second(s.Check(id))); !ok || !strings.Contains(cause, "no regular file") {
			t.Errorf("%s: %q", what, cause)
		}
		os.Remove(path)
	}
}

func second(_ Checked, err error) error { return err }

func mkfifo(path string) error { return unix.Mkfifo(path, 0o600) }
