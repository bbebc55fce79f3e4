package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Bounds of a comparison.
const (
	unlistedMost   = 100_000                // ids that are told apart
	UnlistedEvery  = 150 * time.Millisecond // between two looks
	UnlistedStatus = 700 * time.Millisecond // for all looks of show status
	UnlistedQueue  = 2 * time.Second        // of show queue
	UnlistedWait   = 10 * time.Second       // for one look of wait
	DeepStatus     = 64                     // messages of which show status looks at each envelope
	DeepQueue      = 2000                   // show queue
	StartGrace     = 60                     // seconds that smtpd may need to load its queue, at least
)

// OwnSpool reports whether the spool on this machine is that of the smtpd at the
// other end of the socket, as far as the options tell: a socket that is forwarded
// from another machine has its spool there. A path counts as the default however
// it is written: /run/smtpd.sock is /var/run/smtpd.sock.
func OwnSpool(c *command.Call) bool {
	d := command.DefaultOptions()
	return samePlace(c.Opts.Socket, d.Socket) || !samePlace(c.Opts.Spool, d.Spool)
}

// samePlace reports whether two paths name one file, which need not exist.
func samePlace(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	if fa, err := os.Stat(a); err == nil {
		fb, err := os.Stat(b)
		return err == nil && os.SameFile(fa, fb)
	}
	if filepath.Base(a) != filepath.Base(b) {
		return false
	}
	da, errA := os.Stat(filepath.Dir(a))
	db, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(da, db)
}

// UnlistedOf returns the ids of envelope files that smtpd does not list now. The
// disk is read first, so that mail which comes meanwhile does not count. Of
// messages that smtpd lists the single envelopes are compared only if they are no
// more than deep. Mail that comes and goes just now may be among them.
func UnlistedOf(ctx context.Context, c *command.Call, conn *protocol.Conn, deep int) ([]protocol.EnvelopeID, error) {
	sp := spool.Open(c.Opts.Spool)
	folder, err := sp.Messages(unlistedMost * 10)
	if err != nil || len(folder) == 0 {
		return nil, err
	}
	var known, lost []protocol.MessageID
	rest := folder
	for m, err := range conn.Messages(ctx, 0) {
		if err != nil {
			return nil, err
		}
		for len(rest) > 0 && rest[0] < m {
			lost = append(lost, rest[0])
			rest = rest[1:]
		}
		if len(rest) > 0 && rest[0] == m {
			known = append(known, m)
			rest = rest[1:]
		}
	}
	lost = append(lost, rest...)
	var out []protocol.EnvelopeID
	for _, m := range lost {
		ids, _ := sp.MessageIDs(m) // it may be gone
		if out = append(out, ids...); len(out) > unlistedMost || ctx.Err() != nil {
			break
		}
	}
	if len(known) <= deep {
		ids, err := UnlistedIn(ctx, sp, conn, known)
		if err != nil {
			return nil, err
		}
		out = append(out, ids...)
	}
	// What was delivered or removed meanwhile is not listed either.
	out = slices.DeleteFunc(out, func(id protocol.EnvelopeID) bool {
		_, err := os.Lstat(sp.EnvelopePath(id))
		return err != nil
	})
	slices.Sort(out)
	return out, ctx.Err()
}

// UnlistedIn returns the ids of the envelope files of some messages that smtpd does not
// list now; none of more files than are told apart.
func UnlistedIn(ctx context.Context, sp *spool.Spool, conn *protocol.Conn, msgs []protocol.MessageID) ([]protocol.EnvelopeID, error) {
	var here []protocol.EnvelopeID
	for _, m := range msgs {
		ids, _ := sp.MessageIDs(m) // it may be gone
		here = append(here, ids...)
	}
	if len(here) > unlistedMost || len(here) == 0 {
		return nil, nil
	}
	listed := map[protocol.EnvelopeID]bool{}
	for e, err := range conn.EnvelopesOf(ctx, msgs) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		listed[e.ID] = true
	}
	return slices.DeleteFunc(here, func(id protocol.EnvelopeID) bool { return listed[id] }), nil
}

// UnlistedTwice is UnlistedOf for those files that are not listed at two looks, a moment
// apart: not mail that comes and goes just now.
func UnlistedTwice(ctx context.Context, c *command.Call, conn *protocol.Conn, deep int) ([]protocol.EnvelopeID, error) {
	set, err := UnlistedOf(ctx, c, conn, deep)
	if err != nil || len(set) == 0 {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(UnlistedEvery):
	}
	now, err := UnlistedOf(ctx, c, conn, deep)
	return inBoth(set, now), err
}

// inBoth returns the ids that are in both sets, which ascend.
func inBoth(a, b []protocol.EnvelopeID) []protocol.EnvelopeID {
	return slices.DeleteFunc(slices.Clone(a), func(id protocol.EnvelopeID) bool {
		_, ok := slices.BinarySearch(b, id)
		return !ok
	})
}

// WarnUnlisted says on standard error how many envelope files smtpd does not list,
// if there are any: when that has been so twice, a moment apart, with none of them
// listed or gone meanwhile. While smtpd loads its queue or deletes much, their
// number falls from look to look, and that is said. All of it ends in time.
func WarnUnlisted(ctx context.Context, c *command.Call, conn *protocol.Conn, limit time.Duration, deep int) {
	if !OwnSpool(c) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	set, err := UnlistedOf(ctx, c, conn, deep)
	fewer := false
	for err == nil && len(set) > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(UnlistedEvery):
		}
		var now []protocol.EnvelopeID
		now, err = UnlistedOf(ctx, c, conn, deep)
		if ctx.Err() != nil {
			why := "fewer by the moment: it loads its queue, or deletes mail"
			if !fewer {
				why = "there was no time to look twice: mail that came or went just then may be among them"
			}
			c.Warnf("smtpctl: %s in %s not listed by smtpd, and %s",
				render.Plural(len(set), "envelope file is", "envelope files are"), render.Safe(OpenSpool(ctx, c).Queue()), why)
			return
		}
		if err != nil {
			return
		}
		kept := inBoth(set, now)
		if len(kept) == len(set) {
			sayUnlisted(ctx, c, conn, set)
			return
		}
		set, fewer = kept, true
	}
}

// sayUnlisted says which envelope files smtpd does not list, and why.
func sayUnlisted(ctx context.Context, c *command.Call, conn *protocol.Conn, ids []protocol.EnvelopeID) {
	text := render.Plural(len(ids), "envelope file")
	if len(ids) > unlistedMost {
		text = "more than " + render.Plural(unlistedMost, "envelope file")
	}
	hint := "explain " + ids[0].String() + " says why"
	if len(ids) > 1 {
		hint += ", for the first; show spool lists them"
	}
	if d, err := conn.Digest(ctx); err == nil && time.Now().Unix()-d.Startup < StartGrace {
		hint += "; smtpd was started less than a minute ago, and may not have loaded all of its queue"
	}
	c.Warnf("smtpctl: smtpd does not list %s that its queue on disk has%s: %s", text, reasonText(CountReasons(ctx, c, ids)), hint)
}

// CountReasons counts envelope files that smtpd does not list by the reasons that show
// spool gives, as many of them as ctx leaves time for. Nobody is asked for a key: files of
// an encrypted queue are unreadable here, or of the reason that can be seen.
func CountReasons(ctx context.Context, c *command.Call, ids []protocol.EnvelopeID) (counts map[spool.Reason]int, looked int, all bool) {
	files, conf := spool.Open(c.Opts.Spool), SmtpdConf(c)
	counts = map[spool.Reason]int{}
	for i, id := range ids {
		if ctx.Err() != nil {
			return counts, i, false
		}
		reason, _ := ReasonOf(files, id, conf)
		counts[reason]++
	}
	return counts, len(ids), true
}

// reasonText says how many files are of each reason, the most frequent first.
func reasonText(counts map[spool.Reason]int, looked int, all bool) string {
	if looked == 0 {
		return ""
	}
	reasons := slices.Collect(maps.Keys(counts))
	slices.SortFunc(reasons, func(a, b spool.Reason) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	parts := make([]string, len(reasons))
	for i, r := range reasons {
		parts[i] = fmt.Sprintf("%s %d", r, counts[r])
	}
	text := strings.Join(parts, ", ")
	if !all {
		text += fmt.Sprintf(" among the first %d", looked)
	}
	return " (" + text + ")"
}

// ErrNotListed means that an envelope is on disk and in no listing.
var ErrNotListed = errors.New("it is on disk, but smtpd does not list it")

// MessageMissing reports whether the file of a message is missing where its
// envelope's is there.
func MessageMissing(ctx context.Context, c *command.Call, id protocol.EnvelopeID) bool {
	return NewMissing(ctx, c)(id)
}

// NewMissing returns MessageMissing for many envelopes: of a message whose file is there
// it asks the disk once, if its envelopes come one after another.
func NewMissing(ctx context.Context, c *command.Call) func(protocol.EnvelopeID) bool {
	if !OwnSpool(c) {
		return func(protocol.EnvelopeID) bool { return false }
	}
	sp := OpenSpool(ctx, c)
	var there protocol.MessageID
	return func(id protocol.EnvelopeID) bool {
		if id.Msg() == there {
			return false
		}
		if _, err := os.Lstat(sp.MessagePath(id.Msg())); !errors.Is(err, fs.ErrNotExist) {
			there = id.Msg()
			return false
		}
		_, err := os.Lstat(sp.EnvelopePath(id))
		return err == nil
	}
}
