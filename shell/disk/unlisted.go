package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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

// Limits of a comparison.
const (
	unlistedMost   = 100_000                // ids that are told apart
	UnlistedEvery  = 150 * time.Millisecond // between two looks
	UnlistedStatus = 700 * time.Millisecond // for all looks of show status
	UnlistedQueue  = 2 * time.Second        // of show queue
	UnlistedWait   = 10 * time.Second       // for one look of wait
	DeepStatus     = 64                     // messages of which show status looks at each envelope
	DeepQueue      = 2000                   // show queue
	fewMessages    = 16                     // on disk: smtpd is asked for their envelopes at once
	StartGrace     = 60                     // seconds that smtpd may need to load its queue, at least
)

// OwnSpool reports whether the spool on this machine belongs to the smtpd at the other
// end of the socket, as far as the options tell. The spool of a socket that is
// forwarded from another machine is on that machine. All notations of the default path
// count as the default: /run/smtpd.sock is /var/run/smtpd.sock.
func OwnSpool(c *command.Call) bool {
	if c.Elsewhere() {
		return false
	}
	return HasSpool(c)
}

// HasSpool is OwnSpool on whichever machine smtpd is.
func HasSpool(c *command.Call) bool {
	d := command.DefaultOptions()
	if c.Elsewhere() {
		of := func(path string) string { return strings.TrimPrefix(filepath.Clean(path), "/var") }
		return of(c.Opts.Socket) == of(d.Socket) || filepath.Clean(c.Opts.Spool) != filepath.Clean(d.Spool)
	}
	return samePlace(c.Opts.Socket, d.Socket) || !samePlace(c.Opts.Spool, d.Spool)
}

// samePlace reports whether two paths name the same file, which need not exist.
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

// UnlistedOf returns the ids of envelope files that smtpd does not list now. It reads
// the disk first, so that mail that arrives meanwhile does not count. For messages that
// smtpd lists, it compares single envelopes only if there are at most deep. Mail that
// arrives or leaves just now may be in the result.
func UnlistedOf(ctx context.Context, c *command.Call, conn *protocol.Conn, deep int) ([]protocol.EnvelopeID, error) {
	sp := openSpool(ctx, c, nil)
	folder, err := sp.Messages(unlistedMost * 10)
	if err != nil || len(folder) == 0 {
		return nil, err
	}
	out, few, err := unlistedOfFew(ctx, sp, conn, folder, deep)
	if err == nil && !few {
		out, err = unlistedOfMany(ctx, sp, conn, folder, deep)
	}
	switch {
	case err != nil:
		return nil, err
	case len(out) == 0:
		return nil, ctx.Err()
	}
	// Envelopes that were delivered or removed meanwhile are not listed either.
	paths := make([]string, len(out))
	for i, id := range out {
		paths[i] = sp.EnvelopePath(id)
	}
	each, err := sp.Look(paths)
	if err != nil {
		return nil, err
	}
	there := out[:0]
	for i, id := range out {
		if each[i] == nil {
			there = append(there, id)
		}
	}
	slices.Sort(there)
	return there, ctx.Err()
}

// unlistedOfFew does the work of UnlistedOf where few messages are on disk, with one question.
// Where they are many, which ok says, smtpd would be asked too much: for a message that it does
// not list it gets a question for each of many places where envelopes might be.
func unlistedOfFew(ctx context.Context, sp *spool.Spool, conn *protocol.Conn, folder []protocol.MessageID, deep int) (ids []protocol.EnvelopeID, ok bool, err error) {
	if len(folder) > min(fewMessages, deep) {
		return nil, false, nil
	}
	here := idsOf(sp, folder)
	if len(here) > unlistedMost {
		return nil, false, nil
	}
	ids, err = notListed(ctx, conn, here)
	return ids, true, err
}

// unlistedOfMany does the work of UnlistedOf where many messages are on disk: it first finds
// out which of them smtpd lists.
func unlistedOfMany(ctx context.Context, sp *spool.Spool, conn *protocol.Conn, folder []protocol.MessageID, deep int) ([]protocol.EnvelopeID, error) {
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
	sp.EachMessageIDs(lost, func(_ protocol.MessageID, ids []protocol.EnvelopeID, _ error) bool { // it may be gone
		out = append(out, ids...)
		return len(out) <= unlistedMost && ctx.Err() == nil
	})
	if len(known) <= deep {
		ids, err := UnlistedIn(ctx, sp, conn, known)
		if err != nil {
			return nil, err
		}
		out = append(out, ids...)
	}
	return out, nil
}

// UnlistedIn returns the ids of the envelope files of some messages that smtpd does not
// list now. It returns none if there are too many files to compare.
func UnlistedIn(ctx context.Context, sp *spool.Spool, conn *protocol.Conn, msgs []protocol.MessageID) ([]protocol.EnvelopeID, error) {
	here := idsOf(sp, msgs)
	if len(here) > unlistedMost {
		return nil, nil
	}
	return notListed(ctx, conn, here)
}

// idsOf returns the ids of the envelope files of some messages.
func idsOf(sp *spool.Spool, msgs []protocol.MessageID) (here []protocol.EnvelopeID) {
	sp.EachMessageIDs(msgs, func(_ protocol.MessageID, ids []protocol.EnvelopeID, _ error) bool { // it may be gone
		here = append(here, ids...)
		return true
	})
	return here
}

// notListed returns those ids, which must ascend, that smtpd does not list now. It overwrites
// them.
func notListed(ctx context.Context, conn *protocol.Conn, here []protocol.EnvelopeID) ([]protocol.EnvelopeID, error) {
	if len(here) == 0 {
		return nil, nil
	}
	listed := map[protocol.EnvelopeID]bool{}
	for e, err := range conn.EnvelopesUpTo(ctx, here) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return nil, err
		}
		listed[e.ID] = true
	}
	return slices.DeleteFunc(here, func(id protocol.EnvelopeID) bool { return listed[id] }), nil
}

// UnlistedTwice is UnlistedOf for files that are unlisted in two checks, a moment
// apart, which excludes mail that arrives or leaves just now.
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

// inBoth returns the ids that are in both sets. All ascend.
func inBoth(a, b []protocol.EnvelopeID) []protocol.EnvelopeID {
	return slices.DeleteFunc(slices.Clone(a), func(id protocol.EnvelopeID) bool {
		_, ok := slices.BinarySearch(b, id)
		return !ok
	})
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

// CountReasons counts envelope files that smtpd does not list by the reasons of show
// spool, as many files as ctx leaves time for. It does not ask for a key: files of an
// encrypted queue count as unreadable, unless another reason is visible.
func CountReasons(ctx context.Context, c *command.Call, ids []protocol.EnvelopeID) (counts map[spool.Reason]int, looked int, all bool) {
	files, conf := openSpool(ctx, c, nil), SmtpdConf(ctx, c)
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

// reasonText returns the numbers of files by reason, the most frequent first.
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

// ErrNotListed means that an envelope is on disk, but smtpd does not list it.
var ErrNotListed = errors.New("it is on disk, but smtpd does not list it")
