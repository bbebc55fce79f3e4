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
	"smtpctl/shell/render"
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

// takeLock makes sure that commands that change envelopes, by whatever user on this
// machine, never run at the same time. Otherwise an envelope could be paused, removed
// or scheduled between the check of another schedule and its request, and then the
// request would harm smtpd: see queue.FateOf.
//
// The lock is flock(2) on the spool folder, which smtpd does not lock, or otherwise on
// the folder of the control socket, which all users of that socket share. takeLock
// waits for the lock as long as for an answer of smtpd. If nothing can be locked, it
// warns and continues: smtpd refuses users who may not change anything.
func takeLock(ctx context.Context, c *command.Call) (unlock func(), err error) {
	if c.Elsewhere() {
		return farLock(ctx, c)
	}
	f, err := lockFile(c)
	if err != nil {
		c.Warnf("smtpctl: continuing without a lock: do not change envelopes with another smtpctl meanwhile: %v", command.FileError(err))
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
			c.Warnf("smtpctl: continuing without a lock: do not change envelopes with another smtpctl meanwhile: %s: %v", name, err)
			return func() {}, nil // a file system without locks
		case waited > c.Opts.Timeout:
			who := holder(f)
			f.Close()
			return nil, fmt.Errorf("%s: another smtpctl is changing envelopes%s and has not finished within %v: nothing done; wait for it, or give a longer --timeout", command.PathOf(c), who, c.Opts.Timeout)
		case waited > lockQuiet && !said:
			said = true
			c.Warnf("smtpctl: %s: waiting for another smtpctl that is changing envelopes%s, for %v at most", command.PathOf(c), holder(f), c.Opts.Timeout)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(min(lockEvery, c.Opts.Timeout)):
		}
	}
}

// farLock is takeLock on another machine.
func farLock(ctx context.Context, c *command.Call) (unlock func(), err error) {
	unlock, err = c.Far(c.Opts.Host).Lock(ctx, c.Opts.Socket, c.Opts.Spool, c.Opts.Timeout)
	switch {
	case err == nil:
		return unlock, nil
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, command.ErrLocked):
		return nil, fmt.Errorf("%s: another smtpctl changes envelopes there and has not ended in %v: nothing done; wait for it, or give it more --timeout", command.PathOf(c), c.Opts.Timeout)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fmt.Errorf("%s: nothing done: another smtpctl may be changing envelopes there: %w", command.PathOf(c), err)
	}
	c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: going on without a lock: change envelopes with no other smtpctl meanwhile: %v", err)))
	return func() {}, nil
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
