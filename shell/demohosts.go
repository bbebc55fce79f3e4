package shell

import (
	"context"
	"fmt"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// maxDemoHosts is how many machines a demo may have beside this one.
const maxDemoHosts = 50

// startDemoHosts starts the simulated machines of a demo, mx1 to mxK, each with a queue of
// its own. From then on no ssh is started, whatever is asked for.
func (s *Session) startDemoHosts(messages, hosts int) error {
	if hosts == 0 {
		return nil
	}
	s.fleet.Seal()
	s.far.simulated = map[string]*demo{}
	for i := 1; i <= hosts; i++ {
		d, err := s.startDemo(messages, "", demoSeed+uint64(i))
		if err != nil {
			return err
		}
		s.far.simulated[fmt.Sprintf("mx%d", i)] = d
	}
	return nil
}

// closeDemoHosts ends the simulated machines.
func (s *Session) closeDemoHosts() {
	for _, d := range s.far.simulated {
		d.close()
	}
}

// dialDemo connects to the smtpd of a simulated machine.
func (s *Session) dialDemo(ctx context.Context, opts command.Options) (*protocol.Conn, error) {
	d := s.far.simulated[opts.Host]
	if d == nil {
		return nil, fmt.Errorf("%s: the simulation has no such machine: it has mx1 to mx%d, and local", opts.Host, len(s.far.simulated))
	}
	return protocol.Dial(ctx, d.sim.Path(), protocol.Options{Timeout: opts.Timeout, Window: opts.Window})
}

// A demoHost is a simulated machine as commands know it. Nobody else changes its queue, and
// it has no syslog. All else would need its ssh, which is never started.
type demoHost struct{ farHost }

// Lock implements command.Far.
func (demoHost) Lock(context.Context, string, string, time.Duration) (func(), error) {
	return func() {}, nil
}

// Log implements command.Far.
func (demoHost) Log(context.Context, string, []string) error { return nil }
