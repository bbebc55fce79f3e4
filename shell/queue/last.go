package queue

import (
	"fmt"
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// lastArg is the word _ where ids are wanted, before Freeze: the envelopes that the last
// listing showed.
type lastArg struct{}

// isLast reports whether a word is that word.
func isLast(word string) bool { return word == command.LastListing }

// Freeze puts the envelopes that the last listing showed, nil if there was none, in the
// place of _ among the arguments of a call.
func Freeze(c *command.Call, last *command.Listing) error {
	for i, a := range c.Args {
		if _, ok := a.Value.(lastArg); !ok {
			continue
		}
		ids, err := last.IDs()
		if err != nil {
			return err
		}
		if last.Socket != c.Opts.Smtpd() {
			return command.Usagef("%s: the last listing, %s, was of another smtpd: list the envelopes of this one first", command.LastListing, last.Name())
		}
		args := slices.Clone(c.Args)
		args[i].Value = &idSet{evps: ids, last: last}
		c.Args = args
	}
	return nil
}

// leftQueue tells how many of the envelopes that the last listing showed are in the queue
// no more, and whether it showed any.
func (s *selection) leftQueue(c *command.Call, missing int) {
	for _, note := range s.lastNotes(missing) {
		c.Warnf("smtpctl: %s", render.Safe(note))
	}
}

// lastNotes returns what leftQueue says.
func (s *selection) lastNotes(missing int) []string {
	switch {
	case s.last == nil:
	case len(s.set.evps) == 0:
		return []string{"the last listing, " + s.last.Name() + ", showed no envelope"}
	case missing > 0 && len(s.ids) == 0:
		return []string{render.Plural(missing, "envelope") + " of the last listing, " + s.last.Name() + ", left the queue meanwhile"}
	}
	return nil
}

// lastFailed says why nothing was done to the envelopes that the last listing showed. It
// is no failure if it showed none.
func (s *selection) lastFailed(c *command.Call, a protocol.Action, t *tally) error {
	switch n := len(s.set.evps); {
	case n == 0:
		return nil
	case t.missing+t.gone >= n:
		return fmt.Errorf("%s: none of the %d envelopes that the last listing showed is in the queue any more", command.PathOf(c), n)
	case len(s.terms) > 0 && t.found() == 0:
		return fmt.Errorf("%s: none of the envelopes that the last listing showed matches the terms", command.PathOf(c))
	}
	return fmt.Errorf("%s: %w", command.PathOf(c), t.nothingDone(a, false))
}

// listedGroups are the envelopes of groups, for _ after the listing.
type listedGroups struct {
	limited bool // not all groups are shown
	ids     []protocol.EnvelopeID
	groups  []*group // of the envelopes, if limited
}

// take takes in an envelope of a group.
func (l *listedGroups) take(id protocol.EnvelopeID, g *group) {
	if len(l.ids) > command.MaxListed {
		return // one more than can be listed says so
	}
	l.ids = append(l.ids, id)
	if l.limited {
		l.groups = append(l.groups, g)
	}
}

// of returns the envelopes of the groups that are shown.
func (l *listedGroups) of(shown []*group) []protocol.EnvelopeID {
	if !l.limited || len(l.ids) > command.MaxListed {
		return l.ids
	}
	in := map[*group]bool{}
	for _, g := range shown {
		in[g] = true
	}
	ids := l.ids[:0]
	for i, id := range l.ids {
		if in[l.groups[i]] {
			ids = append(ids, id)
		}
	}
	return ids
}
