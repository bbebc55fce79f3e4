package browse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// hosts is a session for several machines, as package shell has one: a command for several runs
// once for each, and asks one question.
type hosts struct {
	*host
	paths map[string]string // of the sockets, by the name of the machine

	mu    sync.Mutex
	conns map[string]*protocol.Conn
}

func (h *hosts) dial(ctx context.Context, o command.Options) (*protocol.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if conn := h.conns[o.Host]; conn != nil && conn.Alive() {
		return conn, nil
	}
	conn, err := protocol.Dial(ctx, h.paths[o.Host], protocol.Options{Timeout: o.Timeout})
	if err == nil {
		h.conns[o.Host] = conn
	}
	return conn, err
}

func (h *hosts) Parse(words []string, _ string) (*command.Call, error) {
	c, err := h.host.Parse(words, "")
	if c != nil {
		c.Env.Host = h
	}
	return c, err
}

func (h *hosts) RunTo(ctx context.Context, c *command.Call, w io.Writer) error {
	names := strings.Split(c.Opts.Host, ",")
	if len(names) == 1 {
		return h.host.RunTo(ctx, c, w)
	}
	var out bytes.Buffer
	var mu sync.Mutex
	var all, decided sync.WaitGroup
	var failed []string
	yes := false
	asked := 0
	all.Add(len(names))
	decided.Add(1)
	var ended sync.WaitGroup
	for _, name := range names {
		one := *c
		one.Opts.Host = name
		if c.ForHost != nil {
			c.ForHost(&one)
		}
		var notes bytes.Buffer
		one.Err = &notes
		counted := sync.OnceFunc(all.Done)
		one.Confirm = func(context.Context, string) bool {
			mu.Lock()
			asked++
			for line := range strings.Lines(notes.String()) {
				c.Warnf("%s: %s", name, strings.TrimRight(line, "\n"))
			}
			mu.Unlock()
			counted()
			decided.Wait()
			return yes
		}
		ended.Go(func() {
			defer counted()
			var own bytes.Buffer
			err := h.host.RunTo(ctx, &one, &own)
			mu.Lock()
			defer mu.Unlock()
			for line := range strings.Lines(own.String()) {
				out.WriteString(name + ": " + line)
			}
			if err != nil && !errors.Is(err, command.ErrNotConfirmed) {
				out.WriteString(name + ": " + err.Error() + "\n")
				failed = append(failed, name)
			}
		})
	}
	all.Wait()
	if asked > 0 {
		yes = c.Confirm(ctx, fmt.Sprintf("%s on %s?", c.Verb(), render.Plural(asked, "host")))
	}
	decided.Done()
	ended.Wait()
	w.Write(out.Bytes())
	switch {
	case asked > 0 && !yes:
		return command.ErrNotConfirmed
	case len(failed) > 0:
		slices.Sort(failed)
		return fmt.Errorf("failed on %s", strings.Join(failed, ", "))
	}
	return nil
}

// A bed is browse for several machines on a simulated screen.
type bed struct {
	*shown
	sims map[string]*smtpdsim.Server
	h    *hosts
}

// showHosts starts browse for machines mx1 to mxN, of which each has a queue of its own. Those
// without a configuration are down.
func showHosts(t testing.TB, cfgs []*smtpdsim.Config, size [2]int, change func(*command.Options)) *bed {
	h := &hosts{host: newHost(t, ""), paths: map[string]string{}, conns: map[string]*protocol.Conn{}}
	b := &bed{shown: &shown{t: t, screen: tcell.NewSimulationScreen("UTF-8"), done: make(chan error, 1)}, sims: map[string]*smtpdsim.Server{}, h: h}
	var names []string
	for i, cfg := range cfgs {
		name := fmt.Sprintf("mx%d", i+1)
		names = append(names, name)
		h.paths[name] = simtest.Socket(t)
		if cfg != nil {
			b.start(name, *cfg)
		}
	}
	h.opts.Host = strings.Join(names, ",")
	h.opts.Timeout = 20 * time.Second
	if change != nil {
		change(&h.opts)
	}
	h.env.Host, h.env.Dial = h, h.dial
	h.env.OnHost = func(ctx context.Context, c *command.Call, host string, f func(context.Context, *command.Call) error) error {
		one := *c.For(host)
		one.Opts.Host = host
		return f(ctx, &one)
	}
	h.env.LinkTo = func(o command.Options) *protocol.Conn {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.conns[o.Host]
	}
	h.env.Far = func(string) command.Far { return far0{} }
	if err := b.screen.Init(); err != nil {
		t.Fatal(err)
	}
	b.screen.SetSize(size[0], size[1])
	ctx, cancel := context.WithCancel(context.Background())
	c := &command.Call{Env: h.env, Cmd: Commands[0], Path: []string{"browse"}, Opts: h.opts}
	b.u = newUI(ctx, c, b.screen)
	if err := b.u.open(&frame{}); err != nil {
		t.Fatal(err)
	}
	worked, drawn := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(worked)
		b.u.w.run(ctx)
	}()
	go func() {
		defer close(drawn)
		b.done <- b.u.events(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		for _, ended := range []chan struct{}{worked, drawn} {
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("browse goes on after its end")
			}
		}
		b.u.w.panicked()
		b.screen.Fini()
		for _, conn := range h.conns {
			conn.Close()
		}
		for _, sim := range b.sims {
			sim.Close()
		}
	})
	return b
}

// far0 is a machine that lets everything be locked, and has no files.
type far0 struct{}

func (far0) Lock(context.Context, string, string, time.Duration) (func(), error) {
	return func() {}, nil
}
func (far0) Log(context.Context, string, []string) error { return nil }
func (far0) Files(context.Context, string, time.Duration) command.FarFiles {
	return nil
}
func (far0) SMTP(context.Context, []string, time.Duration) (net.Conn, string, error) {
	return nil, "", errors.ErrUnsupported
}
func (far0) Node() string      { return "" }
func (far0) System() string    { return "Linux" }
func (far0) Zone() (int, bool) { return 0, true }

// start starts the smtpd of a machine.
func (b *bed) start(name string, cfg smtpdsim.Config) {
	sim, err := smtpdsim.Start(b.h.paths[name], cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.sims[name] = sim
}

// seesNot waits until a text is not on the screen any more.
func (b *bed) seesNot(text string) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); strings.Contains(b.text(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%q stays on the screen:\n%s", text, b.text())
		}
	}
}

// add adds an envelope to a queue.
func (b *bed) add(name string, n int, to, errorLine string) {
	b.sims[name].Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(n)<<32 | 1), Text: envelopeText("a@b.example", to, errorLine), Time: time.Now().Unix() + 3600})
}

// fewHosts are so many machines, each with three envelopes of the same ids.
func fewHosts(t testing.TB, n int, size [2]int, change func(*command.Options)) *bed {
	b := showHosts(t, slices.Repeat([]*smtpdsim.Config{{}}, n), size, change)
	for m := range n {
		for i := range 3 {
			b.add(fmt.Sprintf("mx%d", m+1), i+1, fmt.Sprintf("u%d@c%d.example", i, m+1), fmt.Sprintf("55%d no", i))
		}
	}
	b.types("r")
	b.sees(fmt.Sprintf("%d envelopes, ", 3*n))
	return b
}

// acrossSizes are the screens, and how many machines are shown on each.
var acrossSizes = []struct {
	size  [2]int
	hosts int
}{{[2]int{80, 24}, 2}, {[2]int{132, 40}, 2}, {[2]int{80, 24}, 5}, {[2]int{132, 40}, 5}}

// A stuckConn is a connection over which nothing comes while it is stuck.
type stuckConn struct {
	net.Conn
	stuck *atomic.Bool
}

func (c stuckConn) Write(p []byte) (int, error) {
	for c.stuck.Load() {
		time.Sleep(10 * time.Millisecond)
	}
	return c.Conn.Write(p)
}
