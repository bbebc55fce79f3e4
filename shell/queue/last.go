package queue

import (
	"fmt"
	"slices"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// lastArg is the word _ where ids are wanted, before Freeze: the envelopes that the last
// listing showed.
type lastArg struct{}

// isLast reports whether a word is that word.
func isLast(word string) bool { return word == command.LastListing }

// UsesLast reports whether _ is among arguments.
func UsesLast(args []grammar.Arg) bool {
	return slices.ContainsFunc(args, func(a grammar.Arg) bool { _, ok := a.Value.(lastArg); return ok })
}

// Freeze puts the envelopes that the last listing showed, nil if there was none, in the
// place of _ among the arguments of a call. smtpd returns the smtpd of a machine.
func Freeze(c *command.Call, last *command.Listing, smtpd func(host string) string) error {
	for i, a := range c.Args {
		if _, ok := a.Value.(lastArg); !ok {
			continue
		}
		ids, err := last.IDs()
		if err != nil {
			return err
		}
		var v any = &idSet{evps: ids, last: last}
		if last.Hosts() != nil || c.Hosts() != nil {
			if v, err = lastAcross(c, last, smtpd); err != nil {
				return err
			}
		} else if last.Socket != c.Opts.Smtpd() {
			return ofAnother(last)
		}
		args := slices.Clone(c.Args)
		args[i].Value = v
		c.Args, c.Last = args, last
	}
	return nil
}

// NothingListed says that the listing for which _ among the arguments of a call for several
// machines stands showed no envelope of these, or returns "".
func NothingListed(c *command.Call) string {
	switch {
	case c.Last == nil:
		return ""
	case c.Last.Count() == 0:
		return "the last listing, " + c.Last.Name() + ", showed no envelope"
	}
	return "the last listing, " + c.Last.Name() + ", showed no envelope of " + render.Bound(strings.Join(c.Hosts(), ", "), command.ArgBytes)
}

// NotMeant says which envelopes of the last listing _ among the arguments of a call does not
// stand for: those of machines that the call is not for, and those of machines that failed.
func NotMeant(c *command.Call) (notes []string) {
	if c.Last == nil {
		return nil
	}
	machines := c.Hosts()
	if machines == nil {
		machines = []string{c.Server()}
	}
	n := 0
	var others, failed []string
	for _, host := range c.Last.Hosts() {
		one := c.Last.Of(host)
		_, err := one.IDs()
		switch meant := slices.Contains(machines, host); {
		case err != nil && meant:
			failed = append(failed, host)
		case !meant && one.Count() > 0:
			n += one.Count()
			others = append(others, host)
		}
	}
	if len(others) > 0 {
		notes = append(notes, fmt.Sprintf("%s leaves out %s of the last listing on %s: this command is not for %s",
			command.LastListing, render.Plural(n, "envelope"), command.BoundNames(others), command.BoundNames(others)))
	}
	if len(failed) > 0 {
		notes = append(notes, fmt.Sprintf("the last listing, %s, failed on %s: no envelopes of there are meant", c.Last.Name(), command.BoundNames(failed)))
	}
	return notes
}

// ofAnother is the error for _ in a command for machines of which the last listing was not.
func ofAnother(last *command.Listing) error {
	return command.Usagef("%s: the last listing, %s, was of another smtpd: list the envelopes of this one first", command.LastListing, last.Name())
}

// lastAcross returns the value of _ where it, or the call, is of several machines: of each
// machine of the call those that the listing showed of it.
func lastAcross(c *command.Call, last *command.Listing, smtpd func(host string) string) (any, error) {
	machines := c.Hosts()
	if machines == nil {
		machines = []string{c.Server()}
	}
	sets, known := command.PerHost{}, 0
	var own *idSet
	for _, host := range machines {
		one := last.Of(host)
		if last.Hosts() == nil {
			one = last
		}
		if one == nil || one.Socket != smtpd(host) {
			continue
		}
		known++
		ids, err := one.IDs()
		if err != nil {
			if c.Hosts() == nil {
				return nil, err
			}
			continue
		}
		own = &idSet{evps: ids, last: one}
		if len(ids) > 0 {
			sets[host] = own
		}
	}
	switch {
	case known == 0:
		return nil, ofAnother(last)
	case c.Hosts() == nil:
		return own, nil
	}
	return sets, nil
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
	case t.missing+t.gone >= n && n == 1:
		return fmt.Errorf("%s: the envelope that the last listing showed is not in the queue any more", command.PathOf(c))
	case t.missing+t.gone >= n:
		return fmt.Errorf("%s: none of the %d envelopes that the last listing showed is in the queue any more", command.PathOf(c), n)
	case len(s.terms) > 0 && t.found() == 0:
		return fmt.Errorf("%s: none of the envelopes that the last listing showed matches the terms", command.PathOf(c))
	}
	return fmt.Errorf("%s: %w", command.PathOf(c), t.nothingDone(a, false))
}

// listedGroups are the envelopes of groups of one machine, for _ after the listing.
type listedGroups struct {
	limited bool // not all groups are shown
	listing *command.Listing
	ids     []protocol.EnvelopeID
	groups  []*group // of the envelopes, if limited
}

// take takes in an envelope of a group.
func (l *listedGroups) take(id protocol.EnvelopeID, g *group) {
	if !l.listing.Room(len(l.ids)) {
		return
	}
	l.ids = append(l.ids, id)
	if l.limited {
		l.groups = append(l.groups, g)
	}
}

// done gives the envelopes of the groups that are shown to the listing.
func (l *listedGroups) done(shown []*group) {
	if !l.limited {
		l.listing.TakeCounted(l.ids)
		return
	}
	in := map[*group]bool{}
	for _, g := range shown {
		in[g] = true
	}
	ids := l.ids[:0]
	for i, id := range l.ids {
		g := l.groups[i]
		for g.into != nil { // it was joined with one of another machine
			g = g.into
		}
		if in[g] {
			ids = append(ids, id)
		}
	}
	l.listing.TakeCounted(ids)
}
