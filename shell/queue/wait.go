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

// waitShare is how many times as long as a check takes wait rests after it, so that
// wait never keeps smtpd busy.
const waitShare = 5

// parseCondition parses one word of wait.
func parseCondition(word string) (any, error) {
	if word == "for" {
		return word, nil
	}
	if _, _, _, term := selector.Split(word); term || word == "-" || isLast(word) {
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
	return nil, errors.New("expected an id, a term such as domain=example.com, or for and a time such as 60s")
}

// A statArg is NAME=RANGE or NAME!=RANGE for a statistic.
type statArg struct {
	name   string
	not    bool
	lo, hi int64
}

// parseStatCondition parses one word of wait stats.
func parseStatCondition(word string) (any, error) {
	if word == "for" {
		return word, nil
	}
	name, op, value, ok := selector.Split(word)
	if !ok {
		if d, err := selector.Duration(word); err == nil {
			return d, nil
		}
		return nil, errors.New("expected NAME=N, NAME=N- for N or more, or NAME=-N for N or less, of a name in show stats")
	}
	if strings.HasSuffix(op, "~") {
		return nil, errors.New("expected = or !=")
	}
	lo, hi, err := selector.ParseCounts(value)
	if err != nil {
		return nil, err
	}
	return statArg{name: name, not: op == "!=", lo: lo, hi: hi}, nil
}

// waitLimit returns how long a wait may take: the time after the word for.
func waitLimit(c *command.Call) (time.Duration, error) {
	limit := waitDefault
	for i, a := range c.Args {
		switch v := a.Value.(type) {
		case string:
			if i+2 != len(c.Args) {
				return 0, command.Usagef("%s: expected a time such as 60s after for, and nothing after it", command.PathOf(c))
			}
			d, err := selector.Duration(c.Args[i+1].Text)
			if err != nil || d <= 0 || d > waitMost {
				return 0, command.Usagef("%s: for %q: expected a time such as 60s or 10m, a week at most", command.PathOf(c), c.Args[i+1].Text)
			}
			limit = d
		case time.Duration:
			if i == 0 || c.Args[i-1].Text != "for" {
				return 0, command.Usagef("%s: %q: expected for before a time", command.PathOf(c), a.Text)
			}
		case IDArg:
			if !v.Whole() && (i == 0 || c.Args[i-1].Text != "for") {
				return 0, command.Usagef("%s: %q: expected 8 or 16 hex digits", command.PathOf(c), a.Text)
			}
		}
	}
	return limit, nil
}

// checkWait refuses conditions that cannot be waited for.
func checkWait(c *command.Call) error {
	_, err := waitLimit(c)
	return err
}

// matches is the condition that an envelope matches, on any machine.
func matches(*command.Call) condition {
	return condition{
		look: func(ctx context.Context, c *command.Call) (s seen, err error) {
			s.n, err = countSelected(ctx, c, 1)
			return s, err
		},
		holds: func(all []seen) (bool, string) {
			return slices.ContainsFunc(all, func(s seen) bool { return s.n > 0 }), "no envelope is selected"
		},
	}
}

// empty is the condition that no envelope matches or, without terms, that the queue is empty,
// on all machines together. Mail that goes from one machine to another between the looks at
// the two must not pass for gone, so that two looks have to find none.
func empty(*command.Call) condition {
	return condition{
		sure: 2,
		look: func(ctx context.Context, c *command.Call) (s seen, err error) {
			if s.n, err = countSelected(ctx, c, 0); s.n > 0 || err != nil {
				return s, err
			}
			var first protocol.EnvelopeID
			s.files, first, err = countUnlisted(ctx, c)
			s.first = first.String()
			return s, err
		},
		holds: func(all []seen) (bool, string) {
			n, files, first := 0, 0, ""
			for _, s := range all {
				if s.files > 0 && files == 0 {
					first = s.first
				}
				n, files = n+s.n, files+s.files
			}
			if n > 0 {
				return false, fmt.Sprintf("%s left%s", render.Plural(n, "envelope is", "envelopes are"), perMachine(all, func(s *seen) int { return s.n }))
			}
			return files == 0, fmt.Sprintf("smtpd lists none, but %s left that it does not list%s: explain %s says why",
				render.Plural(files, "envelope file is", "envelope files are"), perMachine(all, func(s *seen) int { return s.files }), first)
		},
	}
}

// StatNumber returns what wait stats compares of a statistic: for uptime the seconds since
// the start, which smtpd reports as a time.
func StatNumber(st protocol.Stat) int64 {
	if st.IsUptime() {
		return time.Now().Unix() - st.Value
	}
	return st.Value
}

// uptime is the one statistic of which a sum of several machines says nothing.
const uptime = "uptime"

// statistics is the condition that statistics have the given values: of several machines their
// sums, but the uptime of each.
func statistics(c *command.Call) condition {
	return condition{
		look: func(ctx context.Context, c *command.Call) (seen, error) {
			conn, err := c.Conn(ctx)
			if err != nil {
				return seen{}, err
			}
			s := seen{stats: map[string]int64{}}
			for st, err := range conn.Stats(ctx) {
				if err != nil {
					return s, err
				}
				s.stats[st.Key] = StatNumber(st)
			}
			return s, nil
		},
		holds: func(all []seen) (bool, string) {
			for _, a := range c.Args {
				want, ok := a.Value.(statArg)
				if !ok {
					continue
				}
				sum := int64(0)
				for _, s := range all {
					v := s.stats[want.name]
					if want.name == uptime && !want.fits(v) {
						return false, strings.TrimPrefix(s.server+": ", ": ") + fmt.Sprintf("%s is %d", want.name, v)
					}
					sum += v
				}
				if want.name != uptime && !want.fits(sum) {
					return false, fmt.Sprintf("%s is %d%s", want.name, sum, perMachine(all, func(s *seen) int { return int(s.stats[want.name]) }))
				}
			}
			return true, ""
		},
	}
}

// fits reports whether a value is one that is waited for.
func (a *statArg) fits(v int64) bool { return (a.lo <= v && v <= a.hi) != a.not }

// waitedFor returns the selection before the time.
func waitedFor(c *command.Call) selection {
	args := c.Args
	if i := slices.IndexFunc(args, func(a grammar.Arg) bool { return a.Text == "for" }); i >= 0 {
		args = args[:i]
	}
	return selectionOf(args)
}

// countUnlisted returns how many of the envelope files that smtpd does not list are
// selected, and the first of them. With them the queue is not empty: smtpd may refuse
// the files, or not have loaded or deleted them yet. A file that cannot be read is
// selected by its id only, and terms that only the scheduler can decide match none.
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

// countSelected returns how many envelopes the arguments select. If most is above 0, it
// stops counting there.
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
