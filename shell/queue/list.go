package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// keyTrials is how many files in a row may fail to be decrypted, before any has
// succeeded, until the key counts as wrong.
const keyTrials = 3

// bigSort is the number of sorted envelopes from which on a warning about memory is
// given.
const bigSort = 20_000

// runShowQueue lists the selected envelopes.
func runShowQueue(ctx context.Context, c *command.Call) error {
	sel := selectionIn(c)
	if c.Flag(followFlag) != "" {
		if c.Hosts() != nil {
			return runFollowAcross(ctx, c)
		}
		return runFollow(ctx, c, sel)
	}
	ctx = withAhead(ctx, c)
	now := time.Now().Unix()
	var w *envelopeWriter
	var order *sorter
	if sel.sort != "" {
		order = newSorter(ctx, c, sel.sort, sel.limit)
	}
	n, err := eachSelected(ctx, c, sel, now, func(e *protocol.Envelope, online bool) (bool, error) {
		if w == nil {
			w = newEnvelopeWriter(c, now, online)
			w.rows.Limit = sel.limit
		}
		if order == nil {
			err := w.write(e)
			return sel.limit == 0 || w.n < sel.limit, err
		}
		if err := order.add(e); err != nil {
			return false, fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
		if sel.limit == 0 && len(order.kept) == bigSort {
			c.Warnf("sort= keeps every envelope in memory, about a kilobyte each; with limit=N it keeps only N")
		}
		return true, nil
	})
	if order != nil && (err == nil || n > 0) {
		sorted := order.sorted()
		i := 0
		if w != nil {
			w.rows.Key, w.rows.Compare = func() any { return &sorted[i] }, func(a, b any) int { return order.compare(a.(*sortedEnvelope), b.(*sortedEnvelope)) }
		}
		for _, e := range sorted {
			if werr := w.write(&e.Envelope); werr != nil {
				return werr
			}
			i++
		}
		if err == nil && order.mail != nil {
			if err = order.mail.finish(ctx, c.Linked()); err != nil {
				err = fmt.Errorf("%s: %w", command.PathOf(c), err)
			}
		}
	}
	if c.Opts.From != "" {
		c.Listing.Spoil("was of copies of mail")
	}
	if w == nil && err == nil {
		if err := newEnvelopeWriter(c, now, true).rows.None(); err != nil {
			return err
		}
	}
	if conn, cerr := c.Linked(), c.Out.Flush(); err == nil && cerr == nil && c.Seen() && len(sel.ids) == 0 && !sel.stdin && conn != nil {
		disk.WarnUnlisted(ctx, c, conn, disk.UnlistedQueue, disk.DeepQueue)
	}
	return err
}

// errCopies means that copies of mail are listed, and not smtpd's queue.
var errCopies = errors.New("copies of mail are listed")

// listingConn returns the connection to the smtpd whose queue is listed. The error is
// errCopies if copies of mail are listed instead.
func listingConn(ctx context.Context, c *command.Call) (*protocol.Conn, error) {
	if c.Opts.From != "" {
		return nil, errCopies
	}
	conn, err := c.Conn(ctx)
	if err != nil && c.Elsewhere() {
		err = &elsewhereError{err}
	}
	return conn, err
}

// An elsewhereError is one for which no files are listed instead: those of this machine
// are not those of the other's smtpd.
type elsewhereError struct{ error }

// Unwrap returns the cause.
func (e *elsewhereError) Unwrap() error { return e.error }

// onlyDisk reports whether an error of listingConn means that files are listed.
func onlyDisk(err error) bool {
	var far *elsewhereError
	return errors.Is(err, errCopies) || errors.Is(err, protocol.ErrNotRunning) && !errors.As(err, &far)
}

// filesOf returns the files to list where smtpd is not asked: copies of mail, or
// smtpd's queue on disk.
func filesOf(ctx context.Context, c *command.Call) *spool.Spool {
	if c.Opts.From != "" {
		return copies.Open(ctx, c, c.Opts.From)
	}
	return disk.OpenSpool(ctx, c)
}

// offlineKnows returns an error if the terms, the order or the grouping of a selection
// need a field that files on disk lack. why is the beginning of its sentence.
func offlineKnows(c *command.Call, sel selection, why string) error {
	keys := []string{strings.TrimPrefix(sel.sort, "-")}
	for _, term := range sel.terms {
		keys = append(keys, term.Key)
	}
	for _, g := range groupingsOf(c) {
		keys = append(keys, g.Name)
	}
	for _, key := range keys {
		if selector.OnlyScheduler(key) {
			return fmt.Errorf("%s: %s %s", command.PathOf(c), why, key)
		}
	}
	return nil
}

// eachSelected calls f with the selected envelopes in the order of the listing until f
// returns false, and returns how many there were. If smtpd is not running, it reads the
// disk, as OpenSMTPD's smtpctl does, but warns of that. If envelopes could not be read,
// the error says so after all others.
func eachSelected(ctx context.Context, c *command.Call, sel selection, now int64, f func(e *protocol.Envelope, online bool) (bool, error)) (int, error) {
	t, err := listedTarget(ctx, c, sel)
	if err != nil {
		return 0, err
	}
	conn, err := listingConn(ctx, c)
	online := err == nil
	var list iter.Seq2[*protocol.Envelope, error]
	switch {
	case errors.Is(err, errCopies):
		if err := offlineKnows(c, sel, "these are copies, and only the scheduler of smtpd knows"); err != nil {
			return 0, err
		}
		list = offline(ctx, c, &t)
	case onlyDisk(err):
		if err := offlineKnows(c, sel, "smtpd is not running, and only its scheduler knows"); err != nil {
			return 0, err
		}
		c.Warnf("smtpctl: smtpd is not running: this is the queue on disk, in %s", render.Safe(disk.OpenSpool(ctx, c).Queue()))
		list = offline(ctx, c, &t)
	case err != nil:
		return 0, err
	case t.all && sel.limit > 0 && sel.sort == "" && len(sel.terms) == 0:
		list = conn.EnvelopesLimit(ctx, 0, sel.limit)
	default:
		list = t.list(ctx, conn)
	}
	p := lookProgress(ctx, c, conn, &t)
	defer p.End()
	n, bad, locked := 0, 0, 0
	asked := newPresence(&t)
	for e, err := range list {
		p.Step()
		asked.observe(e.ID)
		if errors.Is(err, spool.ErrWrongKey) && n == 0 {
			locked++
		}
		switch {
		case err == nil:
		case errors.Is(err, spool.ErrForeign), errors.Is(err, spool.ErrVanished):
			c.Warnf("smtpctl: %s", render.Safe(err.Error()))
			continue
		case errors.Is(err, spool.ErrNoKey), locked >= keyTrials:
			return n, fmt.Errorf("%s: %w", command.PathOf(c), disk.KeyError(c, err))
		case errors.Is(err, protocol.ErrNotEnvelope), !online && ctx.Err() == nil && !unreadable(err, n+bad, e):
			bad++
			c.Warnf("smtpctl: %s", render.Safe(command.FileError(err).Error()))
			continue
		case context.Cause(ctx) != nil:
			return n, fmt.Errorf("%s: %w after %s", command.PathOf(c), context.Cause(ctx), render.Plural(n, "envelope"))
		case c.Opts.From != "":
			return n, fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
		case !online:
			return n, fmt.Errorf("%s: smtpd is not running and its queue cannot be read: %w", command.PathOf(c), command.FileError(err))
		default:
			return n, err
		}
		if !t.match(e, now) {
			if err := t.trouble(); err != nil {
				return n, fmt.Errorf("%s: %w", command.PathOf(c), err)
			}
			continue
		}
		n++
		if more, err := f(e, online); err != nil || !more {
			return n, err
		}
	}
	if !online {
		conn = nil
	}
	sel.leftQueue(c, asked.missing())
	if err := t.mail.finish(ctx, conn); err != nil {
		return n, fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	switch {
	case bad > 0:
		return n, fmt.Errorf("%s: %s could not be read, see above", command.PathOf(c), render.Plural(bad, "envelope"))
	case n == 0 && len(sel.ids) > 0:
		return n, fmt.Errorf("%s: %w", command.PathOf(c), ErrNoSuchID)
	}
	return n, nil
}

// EachSelected calls f with the envelopes that args select, from the queue or from the
// copies of mail in the folder c.Opts.From, until f returns false.
func EachSelected(ctx context.Context, c *command.Call, args []grammar.Arg, f func(e *protocol.Envelope) (bool, error)) error {
	_, err := eachSelected(ctx, c, selectionOf(args), time.Now().Unix(), func(e *protocol.Envelope, _ bool) (bool, error) {
		if c.Cmd.Lists { // of an action, what it would be for is listed elsewhere
			c.Listing.Take(e.ID)
		}
		return f(e)
	})
	return err
}

// SplitLimit removes limit=N from the arguments of a command that limits something
// other than envelopes, and returns N, or 0.
func SplitLimit(args []grammar.Arg) (rest []grammar.Arg, limit int) {
	for _, a := range args {
		if n, ok := a.Value.(limitArg); ok {
			limit = int(n)
		} else {
			rest = append(rest, a)
		}
	}
	return rest, limit
}

// SingleID returns the id, if the arguments are a single id.
func SingleID(args []grammar.Arg) (IDArg, bool) {
	sel := selectionOf(args)
	if !sel.single() {
		return IDArg{}, false
	}
	return sel.ids[0], true
}

// CheckUnsorted refuses columns=, and sort= for a command with its own order, which why
// describes.
func CheckUnsorted(c *command.Call, why string) error {
	if selectionIn(c).sort != "" {
		return command.Usagef("%s: %s, sort= does not go with them", command.PathOf(c), why)
	}
	if hasColumns(c) {
		return command.Usagef("%s: takes no columns=", command.PathOf(c))
	}
	return nil
}

// unreadable reports whether an error of the very first step means that there is no
// queue to read.
func unreadable(err error, before int, e *protocol.Envelope) bool {
	return before == 0 && e.ID == 0 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission))
}

// offline lists the envelopes on disk of the messages of a target.
func offline(ctx context.Context, c *command.Call, t *target) iter.Seq2[*protocol.Envelope, error] {
	return func(yield func(*protocol.Envelope, error) bool) {
		if t.all {
			for e, err := range filesOf(ctx, c).Envelopes(ctx) {
				if !yield(&e, err) {
					return
				}
			}
			return
		}
		for _, msg := range t.msgs {
			for e, err := range filesOf(ctx, c).MessageEnvelopes(msg) {
				if !yield(&e, err) || ctx.Err() != nil {
					return
				}
			}
		}
	}
}
