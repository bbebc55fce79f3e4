package across

import (
	"bytes"
	"context"
	"time"

	"smtpctl/shell/command"
)

// lateAfter is how long a person waits for what one machine has before that of others is shown.
const lateAfter = command.WaitingAfter

// showAfter is how long printing waits for a machine before it shows what it has printed so far.
const showAfter = 50 * time.Millisecond

// An item is a row, or text that comes between rows.
type item struct {
	row  *command.Gathered
	text []byte // one or more whole lines
}

// give hands over an item, for which it may wait until others have been printed.
func (sh *share) give(ctx context.Context, it item) (err error) {
	defer sh.tell()
	sh.right.Heard(ctx)
	select {
	case sh.items <- it:
		return nil
	default:
	}
	// Another share may use the slot meanwhile: its row may have to be printed first.
	sh.right.Aside(func() {
		select {
		case sh.items <- it:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	})
	return err
}

// end says that no more items come.
func (sh *share) end() {
	close(sh.items)
	sh.tell()
}

// tell says that there is something new about items.
func (sh *share) tell() {
	select {
	case sh.came <- struct{}{}:
	default: // that there is something is known already
	}
}

// next returns the next item of a share, which stays in head, or nil at the end. It waits for
// the item. With hurry it waits only until the share has done nothing for lateAfter: then the
// share is late, and from then on next does not wait. open says that the item has not come yet.
func (p *shown) next(sh *share) (it *item, open bool) {
	for sh.head == nil {
		it, ok, open := p.take(sh)
		switch {
		case open:
			return nil, true
		case !ok:
			return nil, false
		case it.row != nil && it.row.Bare:
			sh.bare = it.row
		default:
			sh.head = &it
		}
	}
	return sh.head, false
}

// take takes an item; ok is false if there are no more, and open is true if none has come yet.
func (p *shown) take(sh *share) (it item, ok, open bool) {
	select {
	case it, ok = <-sh.items:
		return it, ok, false
	default:
	}
	show := time.After(showAfter)
	for !sh.late {
		var over <-chan time.Time
		if p.hurry {
			over = time.After(lateAfter - sh.right.Idle())
		}
		select {
		case it, ok = <-sh.items:
			return it, ok, false
		case <-show:
			_ = p.flush() // the output keeps the error, and the next write fails
		case <-over:
			sh.late = sh.right.Idle() >= lateAfter
		case <-p.asked:
			select { // nothing comes until the user has answered, but what has come is first
			case it, ok = <-sh.items:
				return it, ok, false
			default:
				p.question()
			}
		}
	}
	return it, false, true
}

// A shown prints the items of all shares, and puts their question to the user: the output is
// for one goroutine.
type shown struct {
	shares []*share
	came   <-chan struct{} // says that there may be a new item
	asked  <-chan struct{} // closed when every share waits for the user or has ended
	ask    func()          // is called then, once
	hurry  bool            // not all shares need to be waited for
	flush  func() error
}

// question lets the user answer the question of the shares.
func (p *shown) question() {
	p.asked = nil
	p.ask()
}

// print prints the items of all shares. Once it has printed as many rows as limit=
// allows, it calls end and returns enough as true. Where a person reads the output, what has
// no order is printed without the shares that are late; these follow when they come.
func (p *shown) print(c *command.Call, end func()) (enough bool, err error) {
	g := command.NewGatherer(c, "server")
	rows := 0
	p.hurry, p.flush = c.Out.Tty, c.Out.Show
	for {
		sh, err := p.choose()
		if err != nil {
			return false, err
		}
		if sh == nil {
			return false, printBare(g, p.shares)
		}
		it := sh.head
		sh.head = nil
		if it.row == nil {
			for line := range bytes.Lines(it.text) {
				if _, err := c.Out.Write(g.Text(sh.host, line)); err != nil {
					return false, err
				}
			}
			continue
		}
		if err := g.Print(it.row); err != nil {
			return false, err
		}
		if it.row.ID != 0 {
			c.Listing.Of(sh.host).Take(it.row.ID)
		}
		if rows++; it.row.Limit() > 0 && rows == it.row.Limit() {
			end()
			return true, nil
		}
	}
}

// printBare prints a list without rows in the output format, if no machine has a row.
func printBare(g *command.Gatherer, shares []*share) error {
	for _, sh := range shares {
		if sh.bare != nil {
			if err := g.Print(sh.bare); err != nil {
				return err
			}
		}
	}
	return g.End()
}

// choose returns the share whose item is printed next, or nil at the end: the one with the
// first row if rows have an order, or else the first share that has an item.
func (p *shown) choose() (*share, error) {
	for {
		best, open := p.look()
		if best != nil || !open {
			return best, nil
		}
		if err := p.flush(); err != nil { // what there is, before a wait of unknown length
			return nil, err
		}
		select {
		case <-p.came:
		case <-p.asked:
			select {
			case <-p.came:
			default:
				p.question()
			}
		}
	}
}

// look is choose for the items that have come. It returns nil and open as true if the share
// depends on one that has not come yet.
func (p *shown) look() (best *share, open bool) {
	for _, sh := range p.shares {
		it, wait := p.next(sh)
		open = open || wait
		switch {
		case it == nil:
			continue
		case it.row == nil || !it.row.Ordered():
			if best == nil {
				return sh, false
			}
			continue
		case best == nil:
			best = sh
		default:
			if n, ok := it.row.Compare(best.head.row); ok && n < 0 {
				best = sh
			}
		}
	}
	if open {
		return nil, true
	}
	return best, false
}
