package command

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"smtpctl/protocol/safefile"
)

// A Reach says what a command needs of the machine of smtpd.
type Reach int

const (
	NeedsFiles   Reach = iota // what works only on that machine: it is refused where smtpd is on another one
	LooksAtFiles              // its files, and perhaps the control socket of smtpd
	NeedsSocket               // the control socket of smtpd
	Anywhere                  // nothing: it is the same wherever smtpd is
)

// A Far is another machine, on which an smtpd runs.
type Far interface {
	// Lock keeps others who take the same lock there from changing envelopes, until unlock
	// is called or this process ends. It waits for that long at most; then the error is
	// ErrLocked. The lock is that of the folder dir or, where that is not there, of the
	// folder of the socket, which this program takes on the machine itself, too.
	Lock(ctx context.Context, socket, dir string, wait time.Duration) (unlock func(), err error)
	// Log gives a line to the syslog of the machine, and returns when that has it.
	Log(ctx context.Context, socket string, lines []string) error
	// Files returns its files, until ctx ends. It may be silent for that long.
	Files(ctx context.Context, socket string, timeout time.Duration) FarFiles
	// SMTP connects to the first of some addresses that greets within wait, as seen there; with
	// none, to those at which smtpd usually takes mail from its own machine. addr is the address.
	SMTP(ctx context.Context, addrs []string, wait time.Duration) (conn net.Conn, addr string, err error)
	// Node is the name that the machine has for itself.
	Node() string
	// System is its system as uname(1) says it, such as Linux, and Zone how many seconds its
	// clock is ahead of UTC, if that is known.
	System() string
	Zone() (seconds int, ok bool)
}

// FarFiles are the files of another machine, and its logs.
type FarFiles interface {
	safefile.Files
	// Log opens a log, of which the last bytes are wanted, or all if last is 0. It comes
	// compressed with gzip if that saves anything.
	Log(path string, last int64) (io.ReadCloser, safefile.Info, error)
	// Journal is what the journal of systemd has from smtpd: all of it, or the last lines if
	// last is above 0. The error wraps fs.ErrNotExist if there is none.
	Journal(last int) (io.ReadCloser, error)
	// Putter starts what puts folders into the spool folder dir there.
	Putter(dir string) (safefile.Putter, error)
}

// FarFiles returns the files of the machine of smtpd, or nil if it is this one.
func (c *Call) FarFiles(ctx context.Context) FarFiles {
	if !c.Elsewhere() {
		return nil
	}
	return c.Far(c.Opts.Host).Files(ctx, c.Opts.Socket, c.Opts.Timeout)
}

// ErrLocked means that somebody else holds a lock.
var ErrLocked = errors.New("somebody else holds the lock")

// LocalHost is the name of this machine where others have names.
const LocalHost = "local"

// Server returns the name of the machine whose smtpd a call is for.
func (c *Call) Server() string {
	if c.Opts.Host == "" {
		return LocalHost
	}
	return c.Opts.Host
}

// Elsewhere reports whether smtpd is on another machine: then the files of this one are
// not its files.
func (c *Call) Elsewhere() bool { return c.Opts.Host != "" }
