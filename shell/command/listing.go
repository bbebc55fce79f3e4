package command

import (
	"fmt"
	"slices"
	"sync/atomic"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// LastListing is the word that stands for the envelopes which the last listing showed.
const LastListing = "_"

// MaxListed is how many envelopes it can stand for: they take 8 bytes each.
const MaxListed = 1_000_000

// A Listing is what a listing shows: the envelopes that _ stands for in the commands after
// it, whatever comes to the queue meanwhile. A nil one takes nothing in.
type Listing struct {
	By     string // the command that listed them, as it can be typed again
	Socket string // of the smtpd that has them
	// Session are the machines for which the commands of the session were then.
	Session string

	// A listing of several machines has a listing of each, by name. Those alone take envelopes in,
	// each in a goroutine of its own.
	hosts []string
	of    map[string]*Listing
	room  *atomic.Int64 // how many envelopes all of them have; nil for one machine

	ids     []protocol.EnvelopeID
	taken   bool // something was listed, be it nothing
	trouble string
}

// Across makes it a listing of several machines; socket returns what Socket is for each.
func (l *Listing) Across(hosts []string, socket func(host string) string) {
	l.hosts, l.of, l.room = hosts, map[string]*Listing{}, &atomic.Int64{}
	for _, host := range hosts {
		l.of[host] = &Listing{By: l.By, Socket: socket(host), room: l.room}
	}
}

// Hosts returns the machines of a listing of several, otherwise nil.
func (l *Listing) Hosts() []string {
	if l == nil {
		return nil
	}
	return l.hosts
}

// Of returns the listing of one of several machines, or nil.
func (l *Listing) Of(host string) *Listing {
	if l == nil {
		return nil
	}
	return l.of[host]
}

// count makes room for an envelope, of which there are so many before it. It reports false, and
// spoils the listing, if there is none.
func (l *Listing) count(before int) bool {
	n := int64(before + 1)
	if l.room != nil {
		n = l.room.Add(1)
	}
	if n > MaxListed {
		l.tooMany()
	}
	return n <= MaxListed
}

// tooMany spoils the listing because of its size.
func (l *Listing) tooMany() { l.Spoil(fmt.Sprintf("showed more than %d envelopes", MaxListed)) }

// Take takes an envelope in.
func (l *Listing) Take(id protocol.EnvelopeID) {
	if l == nil {
		return
	}
	l.taken = true
	if l.trouble == "" && l.count(len(l.ids)) {
		l.ids = append(l.ids, id)
	}
}

// Room makes room for one of those that TakeCounted will take in, of which there are so many
// before it. It reports false if there is none.
func (l *Listing) Room(before int) bool { return l != nil && l.trouble == "" && l.count(before) }

// TakeCounted takes envelopes in, for each of which Room was called. It keeps the slice.
func (l *Listing) TakeCounted(ids []protocol.EnvelopeID) {
	if l == nil {
		return
	}
	if l.taken = true; l.trouble == "" {
		l.ids = ids
	}
}

// TakeAll takes envelopes in, of which it keeps the slice.
func (l *Listing) TakeAll(ids []protocol.EnvelopeID) {
	if l == nil {
		return
	}
	n := int64(len(ids))
	if l.room != nil {
		n = l.room.Add(n)
	}
	if n > MaxListed {
		l.tooMany()
	}
	l.TakeCounted(ids)
}

// Spoil says why it cannot be told what was shown: "was interrupted" or the like. The
// first reason counts.
func (l *Listing) Spoil(why string) {
	if l != nil && l.trouble == "" {
		l.trouble, l.ids = why, nil
	}
}

// Done ends the listing: no more is taken in.
func (l *Listing) Done() {
	slices.Sort(l.ids)
	l.ids = slices.Clip(slices.Compact(l.ids))
	for _, host := range l.hosts {
		l.of[host].Done()
	}
	if l.room != nil && l.hosts != nil && l.room.Load() > MaxListed {
		l.tooMany()
	}
	if len(l.hosts) > 0 && len(l.Spoilt()) == len(l.hosts) {
		l.Spoil(l.of[l.hosts[0]].trouble)
	}
	if l.trouble != "" {
		for _, one := range l.of {
			one.ids = nil
		}
	}
}

// Spoilt returns those of several machines of which it cannot be told what was shown.
func (l *Listing) Spoilt() []string {
	return slices.DeleteFunc(slices.Clone(l.hosts), func(host string) bool { return l.of[host].trouble == "" })
}

// Count returns how many envelopes a listing shows once it is done, on all its machines.
func (l *Listing) Count() int {
	n := len(l.ids)
	for _, one := range l.of {
		n += len(one.ids)
	}
	return n
}

// Taken reports whether something was listed.
func (l *Listing) Taken() bool {
	for _, one := range l.of {
		if one.taken {
			return true
		}
	}
	return l.taken
}

// IDs returns the envelopes once the listing is done, ascending; an error says why they
// are not known.
func (l *Listing) IDs() ([]protocol.EnvelopeID, error) {
	switch {
	case l == nil:
		return nil, Usagef("%s stands for the envelopes that the last listing showed, and nothing was listed in this session: use show queue or explain first", LastListing)
	case l.trouble != "":
		return nil, Usagef("%s: the last listing, %s, %s, so it stands for no envelopes: list them anew", LastListing, l.Name(), l.trouble)
	}
	return l.ids, nil
}

// Name returns the command for a message.
func (l *Listing) Name() string { return render.Safe(render.Bound(l.By, ArgBytes)) }
