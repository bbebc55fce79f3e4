package browse

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// The soft limit of memory in bytes, above which garbage is collected more often than Go
// would: softLimit, and softEnvelope for each envelope of the queue. A list, its order and the
// list before it take 24 bytes for each envelope.
const (
	softLimit    = 32 << 20
	softEnvelope = 24
)

// drawEvery is the least time between two drawings for what the worker has found.
const drawEvery = 50 * time.Millisecond

// loop shows the screen until the user leaves it, ctx ends or the terminal is lost. It
// restores the terminal, and then panics if the worker panicked.
func loop(ctx context.Context, c *command.Call, t *terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	u := newUI(ctx, c, t.Screen)
	u.suspend = t.suspend
	typed := u.w.typed
	t.tty.typed.Store(&typed)
	defer t.close()
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		words[i] = a.Text
	}
	if err := u.open(&frame{base: words}); err != nil {
		cancel()
		return err
	}
	// Listing a million envelopes leaves much garbage, most of which this makes Go collect
	// early.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(softLimit))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		u.w.run(ctx)
	}()
	err := u.events(ctx)
	cancel()
	t.close()
	<-ended
	u.w.panicked()
	if err == nil {
		u.listMarked()
	}
	return err
}

// listMarked makes the marked envelopes, if there are any, the last listing.
func (u *ui) listMarked() {
	marks := &u.top().marks
	if marks.count == 0 || u.c.Listing == nil {
		return
	}
	if u.w.several() {
		for m, name := range u.w.names {
			u.c.Listing.Of(name).TakeAll(marks.ids(m))
		}
	} else {
		u.c.Listing.TakeAll(marks.ids(0))
	}
	u.c.Warnf("smtpctl: %s stands for %s", command.LastListing, render.Plural(marks.count, "envelope that was marked", "envelopes that were marked"))
}

// All keys that have been typed already are acted on before the screen is drawn, within these
// bounds. A slow line would otherwise carry one screen for each key.
const (
	foldFor   = 50 * time.Millisecond
	foldPause = time.Millisecond // how long to wait for the next key that was typed already
)

// events draws the screen and acts on keys, on questions and on what the worker has found,
// until the user leaves or ctx ends.
func (u *ui) events(ctx context.Context) error {
	u.typing = make(chan tcell.Event, 16)
	quit := make(chan struct{})
	defer close(quit)
	go u.screen.ChannelEvents(u.typing, quit)
	tick := time.NewTicker(time.Second) // the ages on the screen grow
	defer tick.Stop()
	var later <-chan time.Time
	for dirty := true; !u.leaving; {
		if dirty {
			wanted := u.w.wanted()
			u.draw()
			u.w.drawn(wanted)
		}
		dirty = true
		if len(u.typed) > 0 {
			if err := u.fold(u.before()); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ev, ok := <-u.typing:
			if !ok {
				return nil
			}
			if err := u.fold(ev); err != nil {
				return err
			}
		case <-u.w.changed:
			if u.w.crashed() {
				return nil
			}
			if dirty = false; later == nil {
				later = time.After(drawEvery)
			}
		case <-later:
			later = nil
		case q := <-u.asked:
			dropped, err := u.dropTyped()
			if err != nil {
				return err
			}
			if dropped {
				q.lines = append([]string{"what was typed before this question is dropped, and does not answer it"}, q.lines...)
			}
			u.ask(q)
		case <-tick.C:
		}
	}
	return nil
}

// fold acts on an event and on all events that follow it at once.
func (u *ui) fold(ev tcell.Event) error {
	pause := time.NewTimer(foldPause)
	defer pause.Stop()
	for end := time.Now().Add(foldFor); ; {
		if err := u.event(ev); err != nil || u.leaving || time.Now().After(end) {
			return err
		}
		if len(u.typed) > 0 {
			ev = u.before()
			continue
		}
		if u.w.single() && len(u.typing) == 0 {
			return nil
		}
		pause.Reset(foldPause)
		var ok bool
		select {
		case ev, ok = <-u.typing:
		case <-pause.C:
		}
		if !ok {
			return nil
		}
	}
}

// before removes and returns the first event that came while the program was being stopped.
func (u *ui) before() tcell.Event {
	ev := u.typed[0]
	u.typed = u.typed[1:]
	return ev
}

// event acts on an event of the terminal.
func (u *ui) event(ev tcell.Event) error {
	switch ev := ev.(type) {
	case *tcell.EventResize:
		u.resync = true
	case *tcell.EventPaste:
		u.pasting = ev.Start()
	case *tcell.EventError:
		return ev
	case *tcell.EventKey:
		u.key(ev)
	}
	return nil
}

// stop stops the program like Ctrl-Z in a shell. suspend waits until tcell has delivered all
// events, so stop takes the events meanwhile and keeps them in typed; otherwise both would
// wait for ever.
func (u *ui) stop() {
	if u.suspend == nil {
		return
	}
	stopped := make(chan error, 1)
	go func() { stopped <- u.suspend() }()
	for {
		select {
		case ev, ok := <-u.typing:
			if !ok {
				u.leaving = true
				return
			}
			u.typed = append(u.typed, ev)
		case err := <-stopped:
			u.resync = true
			u.leaving = u.leaving || err != nil
			return
		}
	}
}
