package conformance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

func TestConformanceSimulation(t *testing.T) {
	path := simtest.Socket(t)
	sim, err := smtpdsim.Start(path, smtpdsim.Config{Tables: []string{"aliases"}, Spool: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	c, err := protocol.Dial(ctx, path, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Pause(ctx, protocol.MTA); err != nil {
		t.Fatal(err)
	}
	c.Close()
	Run(t, Target{Socket: path, Send: func(n int) {
		msg := uint64(rand.Uint32()|1) << 32
		for i := range n {
			sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(msg | uint64(i*7919+1)), Time: time.Now().Unix(), Text: fmt.Sprintf(
				"version: 3\ntype: mta\nsockaddr: 127.0.0.1\nsender: s@x.example\nrcpt: r%d@y.example\ndest: r%d@y.example\nctime: %d\n", i, i, time.Now().Unix())})
		}
	}})
	if sim.Crashed() {
		t.Error("the simulated smtpd has crashed")
	}
}

func TestConformanceReal(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Extra: "table aliases file:/etc/aliases", Args: []string{"-P", "mta"}})
	Run(t, Target{Socket: d.Socket, Send: func(n int) {
		var to []string
		for i := range n {
			to = append(to, fmt.Sprintf("r%d@temp.example", i))
		}
		d.Send(realsmtpd.Mail{From: "s@x.example", To: to})
	}})
	if !d.Running() {
		t.Errorf("smtpd exited: %s", d.Log())
	}
}
