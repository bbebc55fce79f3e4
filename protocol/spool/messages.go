package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"smtpctl/protocol"
)

// Messages returns the ids of the messages that have a folder in the queue,
// ascending, but no more than most; an error if there are more. It reads one
// folder for every 16 million ids, 256 at most, and nothing of the messages.
func (s *Spool) Messages(most int) ([]protocol.MessageID, error) {
	tops, _, err := s.readDir(s.Queue(), nil, -1)
	if err != nil {
		return nil, err
	}
	var ids []protocol.MessageID
	var names []string
	for _, top := range tops {
		if len(top) != 2 || !protocol.IsHex(top) {
			continue
		}
		if names, _, err = s.readDir(s.Queue()+"/"+top, names[:0], -1); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue // its last message has left
			}
			return nil, err
		}
		for _, name := range names {
			if id, err := protocol.ParseMessageID(name); err == nil && id.String() == name && name[:2] == top {
				ids = append(ids, id)
			}
		}
		if len(ids) > most {
			return nil, fmt.Errorf("%s: more than %d messages", s.Queue(), most)
		}
	}
	slices.Sort(ids)
	return ids, nil
}
