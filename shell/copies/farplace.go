package copies

import (
	"context"
	"io"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
)

// triedIDs is how many ids a message may have on another machine. All but the first are random.
const triedIDs = 4

// A distant is the Place of another machine.
type distant struct {
	put safefile.Putter
}

// names returns the names of the folders of messages.
func names(drafts []*Draft) []string {
	out := make([]string, len(drafts))
	for i, d := range drafts {
		out[i] = d.ID.String()
	}
	return out
}

// Write implements Place.
func (p *distant) Write(_ context.Context, drafts []*Draft) error {
	var left []string
	folders := make([]safefile.NewFolder, len(drafts))
	for i, d := range drafts {
		for _, id := range d.Left {
			left = append(left, id.String())
		}
		folder := &folders[i]
		folder.Names = []string{d.Old[0].Msg().String()}
		for len(folder.Names) < triedIDs {
			id, err := randomMessage()
			if err != nil {
				return err
			}
			folder.Names = append(folder.Names, id.String())
		}
		d.each(func(old protocol.EnvelopeID, open func() (spool.File, error)) error {
			file := safefile.NewFile{Name: "message", Open: func() (io.ReadCloser, int64, error) { return opened(open()) }}
			if old != 0 {
				file.Name, file.Follows = old.String()[8:], true
			}
			folder.Files = append(folder.Files, file)
			return nil
		})
	}
	if err := p.put.Drop(left); err != nil {
		return err
	}
	err := p.put.Write(folders, func(i int, name string) {
		if id, err := protocol.ParseMessageID(name); err == nil {
			drafts[i].ID, drafts[i].State = id, Written
			Reached("added")
		}
	})
	Reached("written")
	return err
}

// opened returns an open file with its size.
func opened(f spool.File, err error) (io.ReadCloser, int64, error) {
	if err != nil {
		return nil, 0, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

// Commit implements Place.
func (p *distant) Commit(_ context.Context, drafts []*Draft) error {
	moved, sure, err := p.put.Move(names(drafts))
	for i, d := range drafts {
		switch {
		case !sure:
			d.State = Unknown
		case i < moved:
			d.State = InQueue
		}
	}
	Reached("committed")
	return err
}

// Drop implements Place.
func (p *distant) Drop(drafts []*Draft) {
	var written []*Draft
	for _, d := range drafts {
		if d.State == Written {
			written = append(written, d)
		}
	}
	p.put.Drop(names(written)) // without an answer they stay, and the next restore deletes them
}

// Close implements Place.
func (p *distant) Close() { p.put.Close() }
