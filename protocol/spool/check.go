package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
)

// A RefusedError is the reason why smtpd cannot load an envelope file. It concerns the
// file itself and not smtpd.conf.
type RefusedError struct {
	Reason Reason
	Cause  string
}

func (e *RefusedError) Error() string { return e.Cause }

// A Reason is a kind of cause, as one word by which files can be counted.
type Reason string

// The reasons that lie in the file itself.
const (
	NoFile  Reason = "no-file" // it is a folder, a link or the like
	Access  Reason = "access"  // its owner or mode
	Empty   Reason = "empty"
	Cut     Reason = "cut"
	Damaged Reason = "damaged"
	Version Reason = "version"
	Field   Reason = "field" // an unknown or missing one, or its value
)

func refused(r Reason, format string, args ...any) error {
	return &RefusedError{r, fmt.Sprintf(format, args...)}
}

// A Checked describes an envelope file that smtpd would read.
type Checked struct {
	Type       protocol.DeliveryType
	Dispatcher string // the action of smtpd.conf that it names
	Compressed bool
	Encrypted  bool
	Modified   int64 // in seconds since 1970
}

// Check checks an envelope file as smtpd does when it loads its queue or is told to
// discover an envelope (queue_fs.c, envelope.c, queue_backend.c). The error is a
// *RefusedError if smtpd refuses the file; any other error means that the file could
// not be checked. A file counts as refused only if every release from 6.0 to 7.9
// refuses it.
func (s *Spool) Check(id protocol.EnvelopeID) (Checked, error) {
	path := s.EnvelopePath(id)
	info, err := s.Stat(false, path)
	if err != nil {
		return Checked{}, err
	}
	c := Checked{Modified: info.Modified}
	if !info.Regular() {
		return c, refused(NoFile, "it is no regular file")
	}
	if err := s.checkAccess(path, info); err != nil {
		return c, err
	}
	return s.CheckContent(id)
}

// CheckContent is Check without the owner and the mode of the file.
func (s *Spool) CheckContent(id protocol.EnvelopeID) (Checked, error) {
	path := s.EnvelopePath(id)
	info, err := s.Stat(false, path)
	if err != nil {
		return Checked{}, err
	}
	c := Checked{Modified: info.Modified}
	raw, err := s.readFile(path, make([]byte, 0, fileBuffer), MaxEnvelope)
	if err != nil {
		return c, err
	}
	if len(raw) == 0 {
		return c, refused(Empty, "its file is empty")
	}
	if c.Encrypted = isEncrypted(raw); c.Encrypted {
		if raw, err = s.decrypt(raw); err != nil {
			return c, err // it may be the key that is wrong
		}
	}
	c.Compressed = isGzip(raw)
	text, err := s.decode(raw, MaxEnvelope)
	if err != nil {
		return c, refused(Damaged, "its file is damaged: %v", err)
	}
	fields, err := splitFields(string(text))
	if err != nil {
		return c, err
	}
	if fields["version"] != "3" {
		return c, refused(Version, "its version is %q, and smtpd reads version 3", cut(fields["version"]))
	}
	for _, name := range sortedNames(fields) {
		check, known := fieldChecks()[name]
		if !known {
			return c, refused(Field, "its field %q is unknown to smtpd", cut(name))
		}
		if value := fields[name]; check != nil && !check(value) {
			return c, refused(Field, "its field %s has the value %q, which smtpd does not take", name, cut(value))
		}
	}
	for _, name := range []string{"helo", "hostname"} {
		if fields[name] == "" {
			return c, refused(Field, "its field %s is missing or empty", name)
		}
	}
	c.Dispatcher = fields["dispatcher"]
	for t := protocol.DeliverMDA; t <= protocol.DeliverBounce; t++ {
		if strings.EqualFold(fields["type"], t.String()) {
			c.Type = t
		}
	}
	return c, nil
}

// checkAccess refuses a file that the user of smtpd's queue process cannot read. That
// user owns the folder of the queue. The groups of the user are not known, so a file
// that a group may read passes.
func (s *Spool) checkAccess(path string, file safefile.Info) error {
	queue, err := s.Stat(true, s.Queue())
	if err != nil {
		return err
	}
	user := queue.UID
	dir := filepath.Dir(path)
	for _, place := range []struct {
		what, path string
		need       fs.FileMode
	}{{"the folder " + filepath.Dir(dir), filepath.Dir(dir), 5}, {"the folder " + dir, dir, 5}, {"its file", path, 4}} {
		info := file
		if place.path != path {
			if info, err = s.Stat(true, place.path); err != nil {
				return err
			}
		}
		mode := info.Perm()
		switch {
		case user == 0 || mode&place.need == place.need || mode>>3&place.need == place.need:
		case info.UID != user:
			return refused(Access, "%s belongs to uid %d with mode %04o: smtpd's queue process, uid %d, cannot read it", place.what, info.UID, mode, user)
		case mode>>6&place.need != place.need:
			return refused(Access, "%s has mode %04o: smtpd's queue process, who owns it, cannot read it", place.what, mode)
		}
	}
	return nil
}

// splitFields splits the text of an envelope, which consists of "name: value" lines.
func splitFields(text string) (map[string]string, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, refused(Cut, "its file is damaged: the last line has no end, as if the file had been cut")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, refused(Damaged, "its file is damaged: it holds a zero byte")
	}
	fields := map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSuffix(line, "\n")
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t")
		if !ok || strings.ContainsFunc(name, func(r rune) bool {
			return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return nil, refused(Damaged, "its file is damaged: line %d is no name and value: %q", n, cut(line))
		}
		fields[strings.ToLower(name)] = strings.TrimLeft(value, " \t\v\f\r")
	}
	return fields, nil
}

func sortedNames(fields map[string]string) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// cut limits how much of a file an error shows.
func cut(text string) string {
	const most = 60
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// fieldChecks are the fields that smtpd knows, each with a check of its value. The
// sizes are those of smtpd's buffers, on the system where they are largest.
var fieldChecks = sync.OnceValue(func() map[string]func(string) bool {
	return map[string]func(string) bool{
		"version": number(64), "dispatcher": text(255), "tag": text(32), "type": oneOf("mda", "mta", "bounce"),
		"smtpname": text(255), "helo": text(255), "hostname": text(255), "username": text(255), "errorline": text(2047),
		"sockaddr": isSource, "sender": isAddress, "rcpt": isAddress, "dest": isAddress,
		"ctime": number(1<<63 - 1), "last-try": number(1<<63 - 1), "last-bounce": number(1<<63 - 1), "ttl": number(1<<63 - 1),
		"retry": number(0xffff), "flags": isFlags, "mda-exec": text(2047), "mda-subaddress": text(255), "mda-user": text(255),
		"bounce-ttl": number(1<<63 - 1), "bounce-delay": number(1<<63 - 1),
		"bounce-type": oneOf("error", "failed", "warn", "delayed", "dsn", "delivered"),
		"dsn-notify":  number(0xff), "dsn-ret": oneOf("hdrs", "full"), "dsn-envid": nil, "dsn-orcpt": nil,
		"esc-class": number(0xff), "esc-code": number(0xff),
	}
})

func number(most uint64) func(string) bool {
	return func(s string) bool {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64)
		return err == nil && n <= most
	}
}

func text(most int) func(string) bool { return func(s string) bool { return len(s) <= most } }

func oneOf(words ...string) func(string) bool {
	return func(s string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, s) })
	}
}

func isAddress(s string) bool {
	a := protocol.ParseAddress(s)
	return len(a.User) <= 255 && len(a.Domain) <= 255
}

// isSource accepts a value that any release accepts.
func isSource(s string) bool {
	if s == "local" || len(s) >= 5 && strings.EqualFold(s[:5], "IPv6:") {
		return true
	}
	inner, found := strings.CutPrefix(s, "[")
	_, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	return err == nil && (!found || strings.HasSuffix(inner, "]"))
}

func isFlags(s string) bool {
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" ,|", r) }) {
		if !oneOf("authenticated", "enqueued", "bounce", "internal")(word) {
			return false
		}
	}
	return true
}

// IsRefused returns the cause if err means that smtpd refuses a file.
func IsRefused(err error) (cause string, ok bool) {
	_, cause, ok = RefusedFor(err)
	return cause, ok
}

// RefusedFor is IsRefused that also returns the reason.
func RefusedFor(err error) (reason Reason, cause string, ok bool) {
	var r *RefusedError
	if errors.As(err, &r) {
		return r.Reason, r.Cause, true
	}
	return "", "", false
}
