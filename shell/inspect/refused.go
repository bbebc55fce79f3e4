package inspect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
)

// explainGone distinguishes an envelope that smtpd refuses, one that it has not loaded
// yet, and one that does not exist.
func explainGone(ctx context.Context, c *command.Call, conn *protocol.Conn, id protocol.EnvelopeID) *Verdict {
	v := &Verdict{ID: id.String(), Verdict: verdictGone,
		Reason: "it is not in the queue: delivered, bounced, expired or removed",
		Notes:  []string{fmt.Sprintf("smtpd's log says which: show log %v", id)}}
	note := func(format string, args ...any) { v.Notes = append(v.Notes, fmt.Sprintf(format, args...)) }
	conf := disk.SmtpdConf(ctx, c)
	cause, checked, err := disk.TroubleWith(ctx, c, id, conf)
	if errors.Is(err, fs.ErrNotExist) {
		return v
	}
	v.Notes = nil
	startup := int64(0)
	if d, err := conn.Digest(ctx); err == nil {
		startup = d.Startup
	}
	others := 0 // envelopes of the message that smtpd lists
	for range conn.MessageEnvelopes(ctx, id.Msg().First()) {
		others++
	}
	path := disk.OpenSpool(ctx, c).EnvelopePath(id)
	if cause != "" {
		v.Verdict, v.Reason = verdictRefused, "smtpd does not list it, because it refuses its file: "+cause
		note("the file is %s", path)
		switch {
		case others > 0:
			note("when the file is mended, restart smtpd: it knows other envelopes of this message, and so discover would load no more of them")
		default:
			note("when the file is mended: discover %v, or restart smtpd", id)
		}
		return v
	}
	v.Verdict, v.Reason = verdictUnknown, "its file is on disk, but smtpd does not list it: being removed while in flight, or put there by hand"
	switch {
	case err != nil:
		note("its file could not be checked: %v", command.FileError(err))
	case conf.Read && startup > 0 && conf.Modified > startup:
		note("%s was changed after smtpd had started, and smtpd may still run with its former content: restart smtpd", conf.Path)
	case startup > 0 && checked.Modified <= startup:
		note("smtpd was started after the file was last changed, but has not loaded it: its log says why, search it for %v", id)
	}
	if startup > 0 && time.Now().Unix()-startup < disk.StartGrace {
		note("smtpd was started less than a minute ago, and may not have loaded all of its queue")
	}
	if others > 0 {
		note("smtpd knows other envelopes of this message, and so discover would load no more of them: restart smtpd")
	} else {
		v.Command = "discover " + id.String()
	}
	return v
}

// resolveUnlisted finds an envelope on disk by its id or that of its message, if smtpd
// does not list it.
func resolveUnlisted(ctx context.Context, c *command.Call, a queue.IDArg) (protocol.EnvelopeID, error) {
	if len(a.Text) < 8 || !disk.HasSpool(c) {
		return 0, fmt.Errorf("%q: %w", a.Text, queue.ErrNoSuchID)
	}
	lo, hi := a.Bounds()
	ids, _ := disk.OpenSpool(ctx, c).MessageIDs(lo.Msg())
	var found []string
	var id protocol.EnvelopeID
	for _, e := range ids {
		if e >= lo && e <= hi {
			id = e
			found = append(found, e.String())
		}
	}
	return id, queue.PickID(a.Text, found)
}

// lookTwice looks up an envelope and, if it is not listed, again a moment later: new
// mail is on disk a little before it is listed.
func lookTwice(ctx context.Context, conn *protocol.Conn, id protocol.EnvelopeID) (*protocol.Envelope, error) {
	e, err := queue.LookUp(ctx, conn, id)
	if e != nil || err != nil {
		return e, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(disk.UnlistedEvery):
	}
	return queue.LookUp(ctx, conn, id)
}
