package shell

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"smtpctl/shell/command"
)

// Times of the end of the program.
const (
	quitGrace    = 2 * time.Second       // how long a command may take to end after a signal
	cleanupGrace = 2 * time.Second       // how long the work before an end by force may take
	signalsAfter = 20 * time.Millisecond // the first moment of a command that only asks
)

// afterKey is how long a command goes on after Ctrl-C. The terminal sends the signal and
// then drops the output that it has not shown yet: what the command says at once, such as
// how far it has got, would be lost.
const afterKey = 100 * time.Millisecond

// endSignals are the signals that end the program, or the command at the prompt.
var endSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// A cleanup is the work that remains when the program is ended by force, because
// deferred calls are not made then.
type cleanup struct {
	mu    sync.Mutex
	work  []func()
	ended bool   // the work is being done: the program ends in a moment
	first func() // if set, begins to listen to signals, once
}

// do calls f and keeps the function that reverts it. The program cannot be ended by
// force between the two.
func (c *cleanup) do(f func() (undo func())) {
	c.listen()
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		select {} // what fails now does so because of the end
	}
	defer c.mu.Unlock()
	if undo := f(); undo != nil {
		c.work = append(c.work, undo)
	}
}

// listen makes sure that signals are listened to from now on.
func (c *cleanup) listen() {
	if c.first != nil {
		c.first()
	}
}

// run does the work, the newest first, for a limited time, because that work may be
// what the program hangs in.
func (c *cleanup) run() {
	c.mu.Lock()
	work := c.work
	c.work, c.ended = nil, true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := len(work) - 1; i >= 0; i-- {
			work[i]()
		}
	}()
	select {
	case <-done:
	case <-time.After(cleanupGrace):
	}
}

// forceExit ends the program because of a signal, whatever it is doing.
func (s *Session) forceExit(sig syscall.Signal) {
	s.cleanup.run()
	os.Exit(command.StatusSignal + int(sig))
}

// withSignals returns a context that the first of endSignals ends, with a *SignalError
// as the cause. If the program has not ended a moment later, or at the second signal,
// it is ended by force.
func (s *Session) withSignals(parent context.Context) (context.Context, func()) {
	ctx, listen, stop := s.signalled(parent)
	listen()
	return ctx, stop
}

// withSignalsSoon is withSignals for a command that leaves nothing behind, wherever it ends:
// in its first moment a signal ends it as it does while the program starts. To listen to
// signals takes three threads, and so longer than most such commands.
func (s *Session) withSignalsSoon(parent context.Context) context.Context {
	ctx, listen, _ := s.signalled(parent)
	s.cleanup.first = sync.OnceFunc(listen)
	time.AfterFunc(signalsAfter, s.cleanup.first)
	return ctx
}

// signalled is withSignals for a caller that says from when on signals are listened to.
func (s *Session) signalled(parent context.Context) (ctx context.Context, listen, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 2)
	done := make(chan struct{})
	listen = func() {
		signal.Notify(ch, endSignals...)
		takePipe()
		go s.endBySignal(ch, done, cancel)
	}
	return ctx, listen, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}

// endBySignal ends a context by the first signal that comes, and the program a moment later,
// unless done ends before.
func (s *Session) endBySignal(ch <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc) {
	var sig os.Signal
	select {
	case sig = <-ch:
	case <-done:
		return
	}
	if sig == syscall.SIGINT {
		time.Sleep(afterKey)
	}
	cancel(&command.SignalError{Sig: sig.(syscall.Signal)})
	select {
	case <-ch:
	case <-time.After(quitGrace):
	case <-done:
		return
	}
	s.forceExit(sig.(syscall.Signal))
}

// A write to a pipe without a reader is an error like any other, and must not end the
// program, which may have changed something: SIGPIPE is ignored from the start. But that is
// inherited by the programs that this one starts, so takePipe must come before them.
func ignorePipe() { signal.Ignore(syscall.SIGPIPE) }

// takePipe makes SIGPIPE a signal that the program takes and does nothing about, which is
// not inherited. It costs threads, as every signal that is taken does.
var takePipe = sync.OnceFunc(func() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) })

// untilReady makes signals end the program until the returned function is called.
// Afterwards such a signal is ignored unless somebody asks for it, so that at no time
// it could end the program and leave something behind.
func (s *Session) untilReady() (ready func()) {
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, endSignals...)
	done := make(chan struct{})
	go func() {
		select {
		case sig := <-ch:
			s.forceExit(sig.(syscall.Signal))
		case <-done:
		}
	}()
	return func() {
		close(done)
		s.cleanup.do(func() func() { return nil })
	}
}
