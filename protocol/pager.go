package protocol

import "slices"

// A pager lists the ids of the messages in the queue, in ascending order, with LIST_MESSAGES.
//
// The answer is a page of the first thousand or so ids from the requested one on. So where a
// round trip takes long, the pager does not wait for a page to know where the next one begins:
// it divides the ids that there can be into pieces, and requests a page of each. Ids are random,
// so the first page of a piece shows about how many ids the rest of the piece has, and the pager
// divides the rest so that one page is likely to be enough for each part. Where a page was not
// enough, its piece is requested further, from the last id on. Each id that there can be is in
// one piece, so a wrong guess costs requests, and no id.
type pager struct {
	pieces []*piece // what has not been taken, in the order of ids
	asked  []*piece // pieces of which a page is in flight, in the order of requests
	most   int      // how many pages may be in flight
	page   int      // the most ids that a page has had
	held   int      // ids in pieces
}

// A piece is a range of ids.
type piece struct {
	next    MessageID // where its next page begins
	last    MessageID // the last id that it can have
	ids     []MessageID
	pending bool // a page is in flight
	done    bool // all ids have come
}

const (
	// idBacklog is how many message ids may be left before the next page is requested.
	idBacklog = 256
	// distantPages is how many pages may be in flight where a round trip takes long, and
	// distantBacklog how many ids may be held then.
	distantPages   = 32
	distantBacklog = 1 << 16
	// pageShare is the part of a page that is expected to be needed, so that a piece rarely has
	// more ids than a page.
	pageShare = 0.85
	// leastPage is the smallest page after which a piece is divided.
	leastPage = 64
)

// begin makes the pager list the ids from the given one on, with at most so many pages in
// flight.
func (p *pager) begin(from MessageID, most int) {
	p.most = most
	room := (1<<32 - uint64(from) + uint64(most) - 1) / uint64(most)
	for at := uint64(from); at < 1<<32; at += room {
		p.pieces = append(p.pieces, &piece{next: MessageID(at), last: MessageID(min(at+room, 1<<32) - 1)})
	}
}

// stop makes the pager request no more pages.
func (p *pager) stop() { p.pieces, p.held = nil, 0 }

// ended reports whether all ids have been taken.
func (p *pager) ended() bool { return len(p.pieces) == 0 }

// idle reports whether no page is in flight.
func (p *pager) idle() bool { return len(p.asked) == 0 }

// request returns where the next page that is needed begins. left is how many ids have been
// taken and not used yet. ok is false if no page is needed now.
func (p *pager) request(left int) (from MessageID, ok bool) {
	if len(p.asked) >= p.most || p.most == 1 && left >= idBacklog {
		return 0, false
	}
	for i, pc := range p.pieces {
		if pc.pending || pc.done {
			continue
		}
		if i > 0 && left+p.held+len(p.asked)*p.page >= distantBacklog {
			return 0, false
		}
		pc.pending = true
		p.asked = append(p.asked, pc)
		return pc.next, true
	}
	return 0, false
}

// divide cuts what is left of a piece, after a page of so many ids, so that the next page of each
// part is likely to have all its ids. It makes no more parts than can be in flight, so where ids
// lie together, a page with ids leads to so many without.
func (p *pager) divide(pc *piece, ids int, gap float64) {
	room := uint64(pc.last-pc.next) + 1
	n := uint64(min(float64(room)/gap/(pageShare*float64(p.page)), float64(p.most)))
	if n < 2 || ids < max(p.page, leastPage) || len(p.pieces) > 2*p.most {
		return
	}
	at, i := uint64(pc.next), slices.Index(p.pieces, pc)
	for k := range n - 1 {
		i++
		p.pieces = slices.Insert(p.pieces, i, &piece{next: MessageID(at + room*(k+1)/n), last: MessageID(at + room*(k+2)/n - 1)})
	}
	pc.last = MessageID(at + room/n - 1)
}

// expects returns where the page begins that comes next.
func (p *pager) expects() MessageID { return p.asked[0].next }

// got takes in the page that came next.
func (p *pager) got(ids []MessageID) {
	pc := p.asked[0]
	p.asked = p.asked[1:]
	pc.pending = false
	p.page = max(p.page, len(ids))
	if len(ids) == 0 {
		pc.done = true
		return
	}
	last := ids[len(ids)-1]
	gap := max(1, float64(last-pc.next)/float64(len(ids)))
	n, _ := slices.BinarySearch(ids, pc.last)
	if pc.done = last >= pc.last; !pc.done {
		n, pc.next = len(ids), last+1
	} else if n < len(ids) && ids[n] == pc.last {
		n++
	}
	if p.ended() { // it was stopped meanwhile
		return
	}
	p.held += n
	if pc.ids = append(pc.ids, ids[:n]...); !pc.done && p.most > 1 {
		p.divide(pc, len(ids), gap)
	}
}

// take returns the ids that follow those taken before, and that have come.
func (p *pager) take() []MessageID {
	var ids []MessageID
	for len(p.pieces) > 0 {
		pc := p.pieces[0]
		ids = append(ids, pc.ids...)
		p.held -= len(pc.ids)
		pc.ids = nil
		if !pc.done {
			break
		}
		p.pieces = p.pieces[1:]
	}
	return ids
}

// skip says that no ids below the given one are wanted any more.
func (p *pager) skip(to MessageID) {
	for _, pc := range p.pieces {
		switch {
		case pc.next >= to:
			return
		case pc.pending:
		case pc.last < to:
			pc.done = true
		default:
			pc.next = to
		}
	}
}
