package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// Times of wait.
const (
	waitDefault = 5 * time.Minute
	waitMost    = 7 * 24 * time.Hour
	waitEvery   = time.Second // between two looks, at least
)

// waitShare is how many times as long as a look takes wait rests after it, so
// that it never keeps smtpd busy.
const waitShare = 5

// parseCondition reads one word of what wait waits for.
func parseCondition(word string) (any, error) {
	if word == "for" {
		return word, nil
	}
	if _, _, _, term := selector.Split(word); term || word == "-" {
		if word == "-" {
			return nil, errors.New("wait takes no ids from standard input")
		}
		return ParseSelector(word)
	}
	if v, err := ParseSelector(word); err == nil {
		return v, nil
	}
	if d, err := selector.Duration(word); err == nil {
		return d, nil
	}
	return nil, errors.New("want an id, a term such as domain=example.com, or for and a time such as 60s")
}

// A statArg is NAME=RANGE or NAME!=RANGE, of a statistic.
type statArg struct {
	name   string
	not    bool
	lo, hi int64
}

// parseStatCondition reads one word of what wait stats waits for.
func parseStatCondition(word string) (any, error) {
	if word == "for" {
		return word, nil
	}
	name, op, value, ok := selector.Split(word)
	if !ok {
		if d, err := selector.Duration(word); err == nil {
			return d, nil
		}
		return nil, errors.New("want NAME=N, NAME=N- for N or more, or NAME=-N for N or less, of a name in show stats")
	}
	if strings.HasSuffix(op, "~") {
		return nil, errors.New("want = or !=")
	}
	lo, hi, err := selector.ParseCounts(value)
	if err != nil {
		return nil, err
	}
	return statArg{name: name, not: op == "!=", lo: lo, hi: hi}, nil
}

// waitLimit returns how long a wait may take: what follows the word for.
func waitLimit(c *command.Call) (time.Duration, error) {
	limit := waitDefault
	for i, a := range c.Args {
		switch v := a.Value.(type) {
		case string:
			if i+2 != len(c.Args) {
				return 0, command.Usagef("%s: want a time such as 60s after for, and nothing after it", command.PathOf(c))
			}
			d, err := selector.Duration(c.Args[i+1].Text)
			if err != nil || d <= 0 || d > waitMost {
				return 0, command.Usagef("%s: for %q: want a time such as 60s or 10m, a week at most", command.PathOf(c), c.Args[i+1].Text)
			}
			limit = d
		case time.Duration:
			if i == 0 || c.Args[i-1].Text != "for" {
				return 0, command.Usagef("%s: %q: want for before a time", command.PathOf(c), a.Text)
			}
		case IDArg:
			if !v.Whole() && (i == 0 || c.Args[i-1].Text != "for") {
				return 0, command.Usagef("%s: %q: want 8 or 16 hex digits", command.PathOf(c), a.Text)
			}
		}
	}
	return limit, nil
}

// checkWait refuses what cannot be waited for.
func checkWait(c *command.Call) error {
	_, err := waitLimit(c)
	return err
}

// runWait waits until an envelope is selected.
func runWait(ctx context.Context, c *command.Call) error {
	return waitFor(ctx, c, func(ctx context.Context) (bool, string, error) {
		n, err := countSelected(ctx, c, 1)
		return n > 0, "no envelope is selected", err
	})
}

// runWaitEmpty waits until none is: until the queue is empty if nothing is said.
func runWaitEmpty(ctx context.Context, c *command.Call) error {
	return waitFor(ctx, c, func(ctx context.Context) (bool, string, error) {
		n, err := countSelected(ctx, c, 0)
		if n > 0 || err != nil {
			return false, fmt.Sprintf("%s left", render.Plural(n, "envelope is", "envelopes are")), err
		}
		n, first, err := countUnlisted(ctx, c)
		return n == 0, fmt.Sprintf("smtpd lists none, but %s left that it does not list: explain %v says why",
			render.Plural(n, "envelope file is", "envelope files are"), first), err
	})
}

// runWaitStats waits until statistics have the values that are wanted.
func runWaitStats(ctx context.Context, c *command.Call) error {
	return waitFor(ctx, c, func(ctx context.Context) (bool, string, error) {
		conn, err := c.Conn(ctx)
		if err != nil {
			return false, "", err
		}
		values := map[string]int64{}
		for st, err := range conn.Stats(ctx) {
			if err != nil {
				return false, "", err
			}
			values[st.Key] = st.Value
			if st.IsUptime() {
				values[st.Key] = time.Now().Unix() - st.Value
			}
		}
		for _, a := range c.Args {
			s, ok := a.Value.(statArg)
			if v := values[s.name]; ok && (s.lo <= v && v <= s.hi) == s.not {
				return false, fmt.Sprintf("%s is %d", s.name, v), nil
			}
		}
		return true, "", nil
	})
}

// waitedFor returns the selection that stands before the time.
func waitedFor(c *command.Call) selection {
	args := c.Args
	if i := slices.IndexFunc(args, func(a grammar.Arg) bool { return a.Text == "for" }); i >= 0 {
		args = args[:i]
	}
	return selectionOf(args)
}

// countUnlisted returns how many envelope files that smtpd does not list are
// selected, and the first of them. They are no empty queue: smtpd may refuse them,
// or not have loaded or deleted them yet. Files that cannot be read are selected
// by their ids only, and those that only the scheduler could tell apart are not.
func countUnlisted(ctx context.Context, c *command.Call) (n int, first protocol.EnvelopeID, err error) {
	if !disk.OwnSpool(c) {
		return 0, 0, nil
	}
	t, err := targetOf(ctx, c, waitedFor(c))
	if err != nil {
		return 0, 0, err
	}
	for _, term := range t.terms {
		if selector.OnlyScheduler(term.Key) {
			return 0, 0, nil
		}
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	look, cancel := context.WithTimeout(ctx, disk.UnlistedWait)
	defer cancel()
	ids, err := disk.UnlistedOf(look, c, conn, disk.DeepQueue)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, 0, nil // there is no spool here, or not for us
	}
	if err != nil {
		return 0, 0, err
	}
	now := time.Now().Unix()
	for _, id := range ids {
		if !t.named(id) {
			continue
		}
		if len(t.terms) > 0 {
			e, err := disk.OpenSpool(ctx, c).ReadEnvelope(id)
			fits := err == nil && t.match(&e, now)
			if err := t.trouble(); err != nil {
				return 0, 0, fmt.Errorf("%s: %w", command.PathOf(c), err)
			}
			if !fits {
				continue
			}
		}
		if n++; n == 1 {
			first = id
		}
	}
	if err := t.mail.decided(); err != nil && n == 0 {
		return 0, 0, fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	return n, first, nil
}

// countSelected returns how many envelopes the arguments select, counting no
// further than most if that is above 0.
func countSelected(ctx context.Context, c *command.Call, most int) (int, error) {
	t, err := targetOf(ctx, c, waitedFor(c))
	if err != nil {
		return 0, err
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return 0, err
	}
	if t.all && len(t.terms) == 0 {
		d, err := conn.Digest(ctx)
		if err != nil || d.Queued() > 0 {
			return int(d.Queued()), err
		}
	}
	n, now := 0, time.Now().Unix()
	for e, err := range t.list(ctx, conn) {
		if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
			return n, err
		}
		if t.fits(e, err, now) {
			if n++; n == most {
				break
			}
		}
		if err := t.trouble(); err != nil {
			return n, fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
	}
	if n == 0 && t.mail != nil {
		err := t.mail.present(ctx, conn)
		if err == nil && most == 0 {
			err = t.mail.decided() // nothing is left, but for what is not known
		}
		if err != nil {
			return 0, fmt.Errorf("%s: %w", command.PathOf(c), err)
		}
	}
	return n, nil
}

// waitFor looks again and again whether something holds, until it does or the time
// is up.
func waitFor(ctx context.Context, c *command.Call, holds func(context.Context) (bool, string, error)) error {
	limit, err := waitLimit(c)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(limit)
	for {
		start := time.Now()
		ok, state, err := holds(ctx)
		if err != nil || ok {
			return err
		}
		rest := max(waitEvery, waitShare*time.Since(start))
		if left := time.Until(deadline); left <= 0 {
			return fmt.Errorf("%s: timed out after %v: %s", command.PathOf(c), limit, state)
		} else if rest > left {
			rest = left + time.Millisecond
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
	}
}
