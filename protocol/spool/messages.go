package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"smtpctl/protocol"
)

// Messages returns the ids of the messages that have a folder in the queue, ascending.
// More than most messages are an error. Messages reads one folder for every 16 million
// ids, 256 at most, but none that has no folders in it, and nothing in the folders of messages.
func (s *Spool) Messages(most int) ([]protocol.MessageID, error) {
	s, release := s.held()
	defer release()
	tops, _, err := s.readDir(s.Queue(), nil, -1)
	if err != nil {
		return nil, err
	}
	paths := make([]string, 0, len(tops))
	for _, top := range tops {
		if len(top) == 2 && protocol.IsHex(top) {
			paths = append(paths, s.Queue()+"/"+top)
		}
	}
	if s.root != nil { // smtpd leaves a folder there when its last message has left
		paths = s.root.WithFolders(paths)
	}
	var ids []protocol.MessageID
	s.eachDir(paths, func(i int, names []string, derr error) bool {
		if derr != nil {
			if errors.Is(derr, fs.ErrNotExist) {
				return true // its last message has left
			}
			err = derr
			return false
		}
		top := paths[i][len(paths[i])-2:]
		for _, name := range names {
			if id, err := protocol.ParseMessageID(name); err == nil && id.String() == name && name[:2] == top {
				ids = append(ids, id)
			}
		}
		if len(ids) > most {
			err = fmt.Errorf("%s: more than %d messages", s.Queue(), most)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return ids, nil
}
