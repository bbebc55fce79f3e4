package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
)

// Times of lock.
const (
	lockEvery = 5 * time.Millisecond
	lockQuiet = time.Second // how long it waits before it says so
)

// Locked calls f while it holds the lock.
func Locked(ctx context.Context, c *command.Call, f func() error) error {
	unlock, err := takeLock(ctx, c)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// takeLock keeps the commands that change envelopes, of whoever runs this program on
// the machine, from running at the same time. An envelope that is paused, removed
// or scheduled between another schedule's look at it and its request would be in
// a state in which scheduling it harms smtpd: see tally.wants. The lock is flock(2)
// on the spool folder, which smtpd does not lock, or where there is none on the
// folder of the control socket, which all who use that socket share. It waits for
// the lock as long as it would wait for smtpd. Where nothing can be locked it says
// so and goes on: smtpd refuses those who may not change anything.
func takeLock(ctx context.Context, c *command.Call) (unlock func(), err error) {
	f, err := lockFile(c)
	if err != nil {
		c.Warnf("smtpctl: going on without a lock: change envelopes with no other smtpctl meanwhile: %v", command.FileError(err))
		return func() {}, nil
	}
	started, said := time.Now(), false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		waited := time.Since(started)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			name := f.Name()
			f.Close()
			c.Warnf("smtpctl: going on without a lock: change envelopes with no other smtpctl meanwhile: %s: %v", name, err)
			return func() {}, nil // a file system without locks
		case waited > c.Opts.Timeout:
			who := holder(f)
			f.Close()
			return nil, fmt.Errorf("%s: another smtpctl changes envelopes%s and has not ended in %v: nothing done; wait for it, or give it more --timeout", command.PathOf(c), who, c.Opts.Timeout)
		case waited > lockQuiet && !said:
			said = true
			c.Warnf("smtpctl: %s: waiting for another smtpctl that changes envelopes%s, for %v at most", command.PathOf(c), holder(f), c.Opts.Timeout)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(min(lockEvery, c.Opts.Timeout)):
		}
	}
}

// lockFile opens the folder that is locked.
func lockFile(c *command.Call) (*os.File, error) {
	f, err := safefile.OpenDir(c.Opts.Spool)
	if err == nil {
		return f, nil
	}
	if f, serr := safefile.OpenDir(filepath.Dir(c.Opts.Socket)); serr == nil {
		return f, nil
	}
	return nil, err
}
