package maillog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// journalctl is the full path of systemd's program that reads its journal. A program of
// that name elsewhere must not be started as root.
var journalctl = []string{"/usr/bin/journalctl", "/bin/journalctl"}

// Times of a Journal.
const (
	journalSilent = time.Minute     // for which it may write nothing
	journalEnd    = 2 * time.Second // that it may take to end
)

// ErrNoJournal means that there is no journal of systemd on this machine.
var ErrNoJournal = errors.New("no journal of systemd on this machine")

// A Journal is what the journal of systemd has from smtpd, as written by journalctl(1).
type Journal struct {
	cmd  *exec.Cmd
	out  io.ReadCloser
	errs bytes.Buffer
	done chan error
}

// OpenJournal starts to read the journal: all of it, or the last lines if last is above
// 0. The caller must close it.
func OpenJournal(last int) (*Journal, error) {
	for _, path := range journalctl {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		args := []string{"--no-pager", "--quiet", "--output=short-iso", "--identifier=smtpd"}
		if last > 0 {
			args = append(args, fmt.Sprintf("--lines=%d", last))
		}
		j := &Journal{cmd: exec.Command(path, args...), done: make(chan error, 1)}
		j.cmd.Env = []string{"LC_ALL=C", "SYSTEMD_COLORS=0", "PATH=/usr/bin:/bin"}
		if zone, set := os.LookupEnv("TZ"); set {
			j.cmd.Env = append(j.cmd.Env, "TZ="+zone)
		}
		j.cmd.Stderr = &j.errs
		if j.out, err = j.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
		if err := j.cmd.Start(); err != nil {
			return nil, err
		}
		return j, nil
	}
	return nil, ErrNoJournal
}

// Read implements io.Reader.
func (j *Journal) Read(p []byte) (int, error) {
	if f, ok := j.out.(*os.File); ok {
		f.SetReadDeadline(time.Now().Add(journalSilent))
	}
	n, err := j.out.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("journalctl has written nothing for %v", journalSilent)
	}
	return n, err
}

// Interrupt ends a Read that is under way.
func (j *Journal) Interrupt() { j.cmd.Process.Kill() }

// Close ends the reading. The error is that of journalctl, if it failed by itself.
func (j *Journal) Close() error {
	rest := make([]byte, 1)
	n, err := j.Read(rest)
	ended := n == 0 && errors.Is(err, io.EOF)
	j.out.Close()
	if !ended {
		j.cmd.Process.Kill()
	}
	go func() { j.done <- j.cmd.Wait() }()
	select {
	case err = <-j.done:
	case <-time.After(journalEnd):
		j.cmd.Process.Kill()
		return nil
	}
	var exit *exec.ExitError
	if said, _, _ := strings.Cut(strings.TrimSpace(j.errs.String()), "\n"); ended && errors.As(err, &exit) && exit.ExitCode() > 0 {
		return fmt.Errorf("journalctl: %s", said)
	}
	return nil
}
