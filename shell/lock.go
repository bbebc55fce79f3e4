package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Times of lock.
const (
	lockEvery = 5 * time.Millisecond
	lockMost  = 5 * time.Minute
)

// locked calls f while it holds the lock.
func (c *Call) locked(ctx context.Context, f func() error) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// lock keeps the commands that change envelopes, of whoever runs this program on
// the machine, from running at the same time. An envelope that is paused, removed
// or scheduled between another schedule's look at it and its request would be in
// a state in which scheduling it harms smtpd: see tally.wants. The lock is flock(2) on
// the spool folder, which smtpd does not lock. Where that cannot be opened
// nothing is locked: smtpd refuses those who may not open it anyway.
func (c *Call) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.Open(c.opts.Spool)
	if err != nil {
		return func() {}, nil
	}
	deadline := time.Now().Add(lockMost)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			f.Close()
			return func() {}, nil // a file system without locks
		case time.Now().After(deadline):
			f.Close()
			return nil, fmt.Errorf("%s: another command that changes envelopes has been running for %v", pathOf(c), lockMost)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}
