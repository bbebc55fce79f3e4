package copies

import (
	"context"
	"io"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// Limits of what one Fetch copies. The more that is, the longer smtpd has the mail
// meanwhile, and may deliver it.
const (
	fetchAtOnce   = 64       // envelopes whose files are got at once
	fetchMessages = 256      // messages
	fetchBytes    = 32 << 20 // after which no other message is begun
)

// A fetched is what came of copying the files of an envelope.
type fetched struct {
	sum, messageSum string // as for savedRecord
	err             error
	saved           bool // Save was called
}

// Fetch copies the files of envelopes from the spool of another machine, where each look
// takes a while: those of the first n envelopes, which are all of one message or more. ids
// are in order. Save then makes the copies count, or returns why there are none. An error
// of Fetch means that nothing more can be copied.
func (v *Saver) Fetch(ctx context.Context, sp *spool.Spool, ids []protocol.EnvelopeID) (n int, err error) {
	v.fetched, v.made = map[protocol.EnvelopeID]*fetched{}, map[string]bool{}
	messages, before := 0, v.bytes
	var failed error // of copying the message
	for i, id := range ids {
		if i == 0 || id.Msg() != ids[i-1].Msg() {
			if failed = nil; messages >= fetchMessages || v.bytes-before >= fetchBytes {
				return i, nil
			}
			messages++
		}
		if i%fetchAtOnce == 0 {
			sp.AheadFiles(ids[i:min(i+fetchAtOnce, len(ids))])
		}
		f := &fetched{err: failed}
		v.fetched[id] = f
		if failed == nil {
			f.sum, f.err = v.copies(ctx, sp, id)
			f.messageSum = v.sum
			if v.folder == nil {
				failed = f.err
			}
		}
		if cause := context.Cause(ctx); cause != nil {
			return i, cause
		}
		if command.LostMachine(f.err) {
			return i, f.err
		}
	}
	return len(ids), nil
}

// DropUnsaved deletes the copies that Fetch has made and that Save has not made count. Their
// envelopes have left the queue by themselves, or are still in it: who restored the copies
// would have that mail delivered twice.
func (v *Saver) DropUnsaved() {
	var msgs []protocol.MessageID
	for id, f := range v.fetched {
		if f.saved {
			continue
		}
		msgs = append(msgs, id.Msg())
		v.unlink(id.Msg(), id.String())
	}
	slices.Sort(msgs)
	for _, msg := range slices.Compact(msgs) {
		if n, err := v.count(msg); err != nil || n > 1 {
			continue
		}
		v.unlink(msg, "message")
		if v.folder != nil && v.msg == msg {
			v.folder.Close()
			v.folder = nil
		}
		unix.Unlinkat(int(v.dir.Fd()), msg.String(), unix.AT_REMOVEDIR) // unless there is another file
	}
	v.fetched, v.made = nil, nil
}

// count returns how many files the copies of a message have, but 2 if there are more.
func (v *Saver) count(msg protocol.MessageID) (int, error) {
	dir, err := safefile.OpenDirAt(v.dir, msg.String())
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(2)
	if err == io.EOF {
		err = nil
	}
	return len(names), err
}

// unlink deletes a copy, if the last Fetch has made it.
func (v *Saver) unlink(msg protocol.MessageID, name string) {
	dir, err := safefile.OpenDirAt(v.dir, msg.String())
	if err != nil {
		return
	}
	defer dir.Close()
	if v.made[filepath.Join(dir.Name(), name)] {
		unix.Unlinkat(int(dir.Fd()), name, 0)
	}
}
