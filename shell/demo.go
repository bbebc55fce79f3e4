package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
)

// demoSeed makes every demo begin with the same queue.
const demoSeed = 1

// maxDemo is the largest number of messages with which a demo begins.
const maxDemo = 5_000_000

// A demo is a simulated smtpd with a spool of its own.
type demo struct {
	sim     *smtpdsim.Server
	dir     string
	removed sync.Once
}

// startDemo starts a simulation of n messages in a new temporary folder, or
// listening at a path of the user's choice.
func (s *Session) startDemo(n int, listen string, seed uint64) (*demo, error) {
	if n < 0 || n > maxDemo {
		return nil, command.Usagef("--demo=%d: expected 0 to %d messages", n, maxDemo)
	}
	d := &demo{}
	var path string
	var err error
	s.cleanup.do(func() func() {
		if path, _, err = smtpdsim.TempSocket(); err != nil {
			return nil
		}
		d.dir = filepath.Dir(path)
		return d.remove
	})
	if err != nil {
		return nil, command.FileError(err)
	}
	if listen != "" {
		path = listen
	}
	// Nobody else may connect, not even before the socket has its mode: the folder that
	// --listen names may be open to others.
	mask := syscall.Umask(0o077)
	d.sim, err = smtpdsim.Start(path, smtpdsim.Config{
		Seed: seed, Messages: n, Mixed: true, Moving: true, Spool: d.spool(),
		Tables: []string{"aliases", "domains"},
	})
	syscall.Umask(mask)
	if err != nil {
		d.remove()
		return nil, fmt.Errorf("--demo: %w", err)
	}
	return d, nil
}

// spool returns the folder of the simulated queue.
func (d *demo) spool() string { return filepath.Join(d.dir, "spool") }

// close ends the simulation and removes its files.
func (d *demo) close() {
	d.sim.Close()
	d.remove()
}

// remove removes the files. It moves them away first, so that a simulation that is
// still running writes no more.
func (d *demo) remove() {
	d.removed.Do(func() {
		gone := d.dir + ".gone"
		if os.Rename(d.dir, gone) != nil {
			gone = d.dir
		}
		os.RemoveAll(gone)
	})
}

// demoBanner says that the mail is simulated.
const demoBanner = "smtpctl: this is a simulated smtpd: no mail is real and none is sent"

// serveDemo runs only the simulation until a signal ends it.
func (s *Session) serveDemo(d *demo, listen string) int {
	ctx, stop := s.withSignals(context.Background())
	defer stop()
	fmt.Fprintln(s.err, demoBanner)
	if _, err := fmt.Fprintf(s.io.Out, "--socket %s --spool %s\n", listen, d.spool()); err != nil {
		return printError(s.err, s.style, &command.OutputError{Err: err})
	}
	<-ctx.Done()
	return command.StatusOK
}
