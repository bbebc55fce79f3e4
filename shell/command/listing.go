package command

import (
	"fmt"
	"slices"

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

	ids     []protocol.EnvelopeID
	taken   bool // something was listed, be it nothing
	trouble string
}

// Take takes an envelope in.
func (l *Listing) Take(id protocol.EnvelopeID) {
	if l == nil {
		return
	}
	l.taken = true
	if len(l.ids) >= MaxListed {
		l.Spoil(fmt.Sprintf("showed more than %d envelopes", MaxListed))
		l.ids = nil
	}
	if l.trouble == "" {
		l.ids = append(l.ids, id)
	}
}

// TakeAll takes envelopes in, of which it keeps the slice.
func (l *Listing) TakeAll(ids []protocol.EnvelopeID) {
	switch {
	case l == nil:
	case len(ids) > MaxListed:
		l.taken = true
		l.Spoil(fmt.Sprintf("showed more than %d envelopes", MaxListed))
	default:
		l.taken, l.ids = true, ids
	}
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
}

// Taken reports whether something was listed.
func (l *Listing) Taken() bool { return l.taken }

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
