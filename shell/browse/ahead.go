package browse

import (
	"time"

	"github.com/gdamore/tcell/v2"
)

// The bounds of the time in which keys that were typed before a question may still arrive from
// the terminal.
const (
	aheadPause = 100 * time.Millisecond // without a key
	aheadFor   = 600 * time.Millisecond
)

// dropTyped takes all keys that have been typed so far, because a y that was meant for something
// else must not answer a question that is about to be shown. It reports whether there were any.
// Of those keys only Ctrl-C has an effect: it stops the action.
func (u *ui) dropTyped() (dropped bool, err error) {
	end := time.NewTimer(aheadFor)
	defer end.Stop()
	for {
		var ev tcell.Event
		if len(u.typed) > 0 {
			ev = u.before()
		} else {
			read := u.w.wanted()
			select {
			case ev = <-u.typing:
			case <-time.After(aheadPause):
				if u.w.wanted() != read { // keys that are still on their way through the library
					continue
				}
				return dropped, nil
			case <-end.C:
				return dropped, nil
			}
		}
		switch ev := ev.(type) {
		case nil: // the terminal is lost, as events will see
			return dropped, nil
		case *tcell.EventKey:
			dropped = true
			if ev.Key() == tcell.KeyCtrlC && u.running != nil {
				u.running.cancel()
			}
		default:
			if err := u.event(ev); err != nil {
				return dropped, err
			}
		}
	}
}
