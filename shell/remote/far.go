package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// ErrLocked means that another process on the machine holds the lock and did not release it in
// time. No other failure is reported as ErrLocked: if flock(1) fails, Lock returns the message
// of flock(1).
var ErrLocked = errors.New("somebody else holds the lock")

// Reached returns the facts about the machine, and the name of the way to the smtpd that
// listens on a socket there. The name is "" before Dial has reached that smtpd.
func (h *Host) Reached(socket string) (Facts, string) {
	facts, _ := h.Facts()
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.ways[socket]; w != nil {
		return facts, w.name
	}
	return facts, ""
}

// rights returns the running ssh of the host, and the words, such as "sudo -n ", with which
// Dial has reached the smtpd that listens on a socket, and before that those by which files are
// read, if any are. They are "" if ssh logs in root, and if none are known. The error wraps
// ErrUnreachable if no ssh runs.
func (h *Host) rights(socket string) (*link, string, error) {
	l := h.current()
	if l == nil {
		return nil, "", h.fail(ErrUnreachable)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.ways[socket]; w != nil {
		return l, w.as, nil
	}
	if h.filesAs != nil {
		return l, *h.filesAs, nil
	}
	return l, "", nil
}

// lockScript takes the lock of the folder %[1]s or, where that folder does not exist, of the
// folder %[2]s, and holds the lock until its standard input ends. It waits %[3]d seconds at
// most. The script checks that the folder exists because flock(1) would create a file of
// that name. flock(1) exits with the status of -E if another process holds the lock, and
// with other statuses, and a message, if it fails; those of util-linux before 2.25 and of
// busybox have no -E, and fail.
const lockScript = `sh -c 'd=%[1]s; [ -d $d ] || d=%[2]s; command -v flock >/dev/null || { echo none; exit; }; ` +
	`[ -d $d ] || { echo none; exit; }; flock -E 99 -w %[3]d $d sh -c "echo locked; exec cat >/dev/null"; [ $? != 99 ] || echo taken'`

// Lock takes the lock that this program, run on the machine itself, takes for commands that
// change envelopes: flock(2) of the spool folder dir or, where that folder does not exist, of
// the folder of the socket. The lock is held until unlock is called, or until the connection
// ends. Lock waits for wait at most, in whole seconds and at least one. The error wraps
// ErrLocked only if another process holds the lock all that time, and os.ErrDeadlineExceeded
// if nothing has come from the machine in twice that time.
func (h *Host) Lock(ctx context.Context, socket, dir string, wait time.Duration) (unlock func(), err error) {
	for _, path := range []string{socket, dir} {
		if err := Path(path); err != nil {
			return nil, h.fail(fmt.Errorf("%q: %w", path, err))
		}
	}
	l, as, err := h.rights(socket)
	if err != nil {
		return nil, err
	}
	p, err := l.open(as + fmt.Sprintf(lockScript, dir, socket[:strings.LastIndexByte(socket, '/')+1], max(1, int(wait/time.Second))))
	if err != nil {
		return nil, h.fail(err)
	}
	longest := 2*wait + time.Second
	p.SetDeadline(time.Now().Add(longest))
	stop := context.AfterFunc(ctx, func() { p.SetDeadline(time.Unix(1, 0)) })
	line, err := bufio.NewReaderSize(p, 64).ReadString('\n')
	stop()
	switch line {
	case "locked\n":
		return func() { p.Close() }, nil
	case "taken\n":
		err = ErrLocked
	case "none\n":
		err = errors.New("there is no flock(1), or no folder to lock")
	default:
		if err == nil {
			err = errors.New("an answer that was not asked for")
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if why := l.endedSoon(); why != nil {
			err = why
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			err = &errSilent{longest, "when the lock was asked for there"}
		} else {
			err = p.said("the lock", err)
		}
	}
	p.Close()
	return nil, h.fail(err)
}

// logScript gives each line to syslog, and prints an empty line once logger(1) has taken it.
const logScript = `sh -c 'while IFS= read -r line; do logger -p mail.notice -t smtpctl -- "$line" || exit; echo; done'`

// logTime is how long Log waits for syslog if the context has no deadline.
const logTime = 2 * time.Minute

// A logger is a program on the other machine that gives lines to syslog.
type logger struct {
	p *program
	r *bufio.Reader
}

// Log gives lines to the syslog of the machine, with facility mail and priority notice, and
// returns once logger(1) has taken them. Line breaks in a line become blanks. Each line may take
// as long as there is from now to the deadline; several lines that are given at once take one
// round trip. One program takes the lines of all calls, one after the other; if it fails, the
// next call starts another one. If the deadline passes, the error wraps
// os.ErrDeadlineExceeded, and the lines may have been logged.
func (h *Host) Log(ctx context.Context, socket string, lines []string) error {
	l, as, err := h.rights(socket)
	if err != nil {
		return err
	}
	if !l.facts.Tools["logger"] {
		return h.fail(errors.New("there is no logger(1)"))
	}
	h.logging.Lock()
	defer h.logging.Unlock()
	if h.logger == nil || l != h.logged {
		p, err := l.open(as + logScript)
		if err != nil {
			return h.fail(err)
		}
		h.logger, h.logged = &logger{p, bufio.NewReaderSize(p, 64)}, l
	}
	wait := logTime
	if deadline, ok := ctx.Deadline(); ok {
		wait = time.Until(deadline)
	}
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(strings.NewReplacer("\n", " ", "\r", " ").Replace(line) + "\n")
	}
	h.logger.p.SetDeadline(time.Now().Add(wait))
	_, err = h.logger.p.Write([]byte(text.String()))
	for i := 0; i < len(lines) && err == nil; i++ {
		h.logger.p.SetDeadline(time.Now().Add(wait))
		_, err = h.logger.r.ReadString('\n')
	}
	if err != nil {
		p := h.logger.p
		p.Close()
		h.logger = nil
		if why := l.endedSoon(); why != nil {
			return h.fail(why)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return h.fail(&errSilent{wait.Round(time.Second), "from logger(1)"})
		}
		return h.fail(p.said("logger", err))
	}
	return nil
}

// System returns the system of the machine as uname(1) says it; "" before it is connected.
func (h *Host) System() string {
	facts, _ := h.Facts()
	return facts.OS
}

// Zone returns how many seconds the clock of the machine is ahead of UTC, if it has said so.
func (h *Host) Zone() (seconds int, ok bool) {
	facts, _ := h.Facts()
	if facts.Zone == nil {
		return 0, false
	}
	return *facts.Zone, true
}

// Connect starts the ssh of the host if it does not run.
func (h *Host) Connect(ctx context.Context, timeout time.Duration, o Options) error {
	_, err := h.connected(ctx, timeout, o, nil)
	h.note(ctx, err)
	return h.fail(err)
}
