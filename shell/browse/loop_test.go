package browse

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// A slowScreen is a screen at the end of a slow line: to draw takes long.
type slowScreen struct {
	tcell.SimulationScreen
	drawn atomic.Int64  // how often
	block chan struct{} // what is drawn waits for it, if it is not nil
}

func (s *slowScreen) Show() {
	s.drawn.Add(1)
	if s.block != nil {
		<-s.block
	}
	s.SimulationScreen.Show()
}

// slowUI returns a ui on a slow screen, without a worker.
func slowUI(t *testing.T) (*ui, *slowScreen) {
	screen := &slowScreen{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.Fini)
	h := newHost(t, "/nonexistent")
	u := newUI(context.Background(), &command.Call{Env: h.env, Cmd: Commands[0], Path: []string{"browse"}, Opts: h.opts}, screen)
	if err := u.open(&frame{}); err != nil {
		t.Fatal(err)
	}
	ids := &idList{}
	for i := range 500 {
		ids.add(protocol.EnvelopeID(i+1) << 32)
	}
	u.w.list = &listing{gen: u.top().wish.gen, ids: ids, done: true, at: time.Now()}
	return u, screen
}

// TestFolded types ahead while the screen is drawn slowly: keys that have come meanwhile
// are acted on together, and none is lost.
func TestFolded(t *testing.T) {
	t.Parallel()
	const keys = 200
	u, screen := slowUI(t)
	screen.block = make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- u.events(context.Background()) }()
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for range keys {
			screen.InjectKey(tcell.KeyRune, 'j', 0)
		}
	}()
	time.Sleep(20 * time.Millisecond) // what is typed waits now
	close(screen.block)
	<-typed
	screen.InjectKey(tcell.KeyRune, 'q', 0)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := u.top().cursor; n != keys {
		t.Errorf("%d keys were acted on, want %d", n, keys)
	}
	if n := screen.drawn.Load(); n > keys/4 {
		t.Errorf("drawn %d times for %d keys", n, keys)
	}
}

// TestStopped stops the program with Ctrl-Z while keys come: the library hands them over
// before it stops, and they are acted on after it.
func TestStopped(t *testing.T) {
	t.Parallel()
	u, screen := slowUI(t)
	u.suspend = func() error {
		for range 300 { // more than the queues hold
			screen.InjectKey(tcell.KeyRune, 'j', 0)
		}
		screen.InjectKey(tcell.KeyRune, 'q', 0)
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- u.events(context.Background()) }()
	screen.InjectKey(tcell.KeyCtrlZ, 0, tcell.ModCtrl)
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not go on")
	}
	if n := u.top().cursor; n != 300 {
		t.Errorf("%d keys were acted on, want 300", n)
	}
}
