package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// Missing reports whether there is no file on this machine. A file that cannot be accessed
// is not missing.
func Missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// MessageMissing reports whether the file of a message is missing although its envelope
// has a file.
func MessageMissing(ctx context.Context, c *command.Call, id protocol.EnvelopeID) bool {
	return NewMissing(ctx, c).Is(id)
}

// A MissingFiles is MessageMissing for many envelopes. It checks the disk once for each message
// that has a file, if its envelopes come one after another.
type MissingFiles struct {
	sp    *spool.Spool // nil if it is not that of smtpd
	there protocol.MessageID
	known map[string]error // what Ahead has found out, by the path
}

// NewMissing returns a MissingFiles for the spool of a call.
func NewMissing(ctx context.Context, c *command.Call) *MissingFiles {
	if !HasSpool(c) {
		return &MissingFiles{}
	}
	return &MissingFiles{sp: OpenSpool(ctx, c)}
}

// Far reports whether Ahead saves time: the spool is that of another machine.
func (m *MissingFiles) Far() bool { return m.sp != nil && m.sp.Far() }

// Ahead finds out at once what Is will be asked for next.
func (m *MissingFiles) Ahead(ids []protocol.EnvelopeID) {
	m.known = map[string]error{}
	look := func(paths []string) {
		if each, err := m.sp.Look(paths); err == nil {
			for i, path := range paths {
				m.known[path] = each[i]
			}
		}
	}
	var paths []string
	for _, id := range ids {
		if path := m.sp.MessagePath(id.Msg()); len(paths) == 0 || paths[len(paths)-1] != path {
			paths = append(paths, path)
		}
	}
	look(paths)
	paths = nil
	for _, id := range ids {
		if errors.Is(m.known[m.sp.MessagePath(id.Msg())], fs.ErrNotExist) {
			paths = append(paths, m.sp.EnvelopePath(id))
		}
	}
	look(paths)
}

// look returns the error of lstat(2) for a path.
func (m *MissingFiles) look(path string) error {
	if err, ok := m.known[path]; ok {
		return err
	}
	each, err := m.sp.Look([]string{path})
	if err != nil {
		return err
	}
	return each[0]
}

// Is reports whether the file of the message of an envelope is missing although the
// envelope has a file.
func (m *MissingFiles) Is(id protocol.EnvelopeID) bool {
	if m.sp == nil || id.Msg() == m.there {
		return false
	}
	if !errors.Is(m.look(m.sp.MessagePath(id.Msg())), fs.ErrNotExist) {
		m.there = id.Msg()
		return false
	}
	return m.look(m.sp.EnvelopePath(id)) == nil
}
