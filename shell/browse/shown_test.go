package browse

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A host is a session that has the commands of the queue only.
type host struct {
	env  command.Env
	opts command.Options
	tree *grammar.Tree
	conn *protocol.Conn
}

func newHost(t testing.TB, socket string) *host {
	h := &host{opts: command.DefaultOptions()}
	h.opts.Socket, h.opts.Spool, h.opts.Keep = socket, t.TempDir(), 0
	var rules []grammar.Rule
	for _, c := range queue.Commands {
		rules = append(rules, grammar.Rule{Pattern: c.Pattern, Summary: c.Summary})
	}
	h.tree = grammar.New(rules, queue.Kinds, nil)
	h.env = command.Env{
		In: strings.NewReader(""), Out: command.NewOutput(io.Discard, false, render.NewStyle(false)), Err: io.Discard,
		Getenv: func(name string) string { return map[string]string{"TERM": "xterm", "NO_COLOR": ""}[name] }, Host: h, Dial: h.dial, LinkTo: func(command.Options) *protocol.Conn { return h.conn },
		Screen: func() (int, int) { return 0, 0 }, Who: func() string { return "test" }, QueueKey: new([]byte),
	}
	t.Cleanup(func() {
		if h.conn != nil {
			h.conn.Close()
		}
	})
	return h
}

func (h *host) dial(ctx context.Context, o command.Options) (*protocol.Conn, error) {
	if h.conn != nil && h.conn.Alive() {
		return h.conn, nil
	}
	var err error
	h.conn, err = protocol.Dial(ctx, o.Socket, protocol.Options{Timeout: o.Timeout})
	return h.conn, err
}

func (h *host) Parse(words []string, _ string) (*command.Call, error) {
	m, err := h.tree.Resolve(words)
	if err != nil {
		return nil, &command.UsageError{Err: err}
	}
	c := &command.Call{Env: h.env, Cmd: queue.Commands[m.Rule], Path: m.Path, Args: m.Args, Opts: h.opts}
	if c.Cmd.Check != nil {
		err = c.Cmd.Check(c)
	}
	return c, err
}

func (h *host) RunTo(ctx context.Context, c *command.Call, w io.Writer) error {
	c.Out = command.NewOutput(w, false, render.NewStyle(false))
	err := c.Cmd.Run(ctx, c)
	c.Out.End()
	return err
}

func (h *host) RunShown(ctx context.Context, c *command.Call, w io.Writer) (int, error) {
	return 0, h.RunTo(ctx, c, w)
}

// A shown is browse on a simulated screen.
type shown struct {
	t      testing.TB
	sim    *smtpdsim.Server
	screen tcell.SimulationScreen
	u      *ui
	done   chan error
}

// show starts browse on a screen of a size.
func show(t testing.TB, cfg smtpdsim.Config, cols, rows int, change func(*command.Options)) *shown {
	path := simtest.Socket(t)
	sim, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, path)
	if change != nil {
		change(&h.opts)
	}
	x := &shown{t: t, sim: sim, screen: tcell.NewSimulationScreen("UTF-8"), done: make(chan error, 1)}
	if err := x.screen.Init(); err != nil {
		t.Fatal(err)
	}
	x.screen.SetSize(cols, rows)
	c := &command.Call{Env: h.env, Cmd: Commands[0], Path: []string{"browse"}, Opts: h.opts}
	ctx, cancel := context.WithCancel(context.Background())
	x.u = newUI(ctx, c, x.screen)
	if err := x.u.open(&frame{}); err != nil {
		t.Fatal(err)
	}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		x.u.w.run(ctx)
	}()
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		x.done <- x.u.events(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-worked
		select {
		case <-drawn: // nothing draws any more
		case <-time.After(time.Minute):
			t.Error("the screen is still drawn")
		}
		x.screen.Fini()
		x.sim.Close()
	})
	return x
}

// text returns what is on the screen.
func (x *shown) text() string {
	cols, rows := x.screen.Size()
	var b strings.Builder
	for y := range rows {
		var line strings.Builder
		for at := 0; at < cols; {
			text, _, width := x.screen.Get(at, y)
			line.WriteString(text)
			at += max(width, 1)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// sees waits until all of some texts are on the screen.
func (x *shown) sees(want ...string) {
	x.t.Helper()
	missing := ""
	pause := 2 * time.Millisecond // what is not there soon takes long: to look at a screen is not cheap
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(pause) {
		pause = min(pause*3/2, 40*time.Millisecond)
		text := x.text()
		missing = ""
		for _, w := range want {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
	}
	x.t.Fatalf("no %q on the screen:\n%s", missing, x.text())
}

// types types keys.
func (x *shown) types(text string) {
	for _, r := range text {
		x.screen.InjectKey(tcell.KeyRune, r, 0)
	}
}

// press presses a key that is no character.
func (x *shown) press(k tcell.Key) { x.screen.InjectKey(k, 0, 0) }

// text of an envelope with the given fields.
func envelopeText(from, to, errorLine string) string {
	return fmt.Sprintf("version: 3\ndispatcher: relay\ntag: \ntype: mta\nsmtpname: mx.example\nhelo: c.example\nhostname: c.example\n"+
		"errorline: %s\nsockaddr: 192.0.2.1\nsender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: 0\nlast-bounce: 0\nttl: 345600\nretry: 3\nflags: \ndsn-notify: 0\n",
		errorLine, from, to, to, time.Now().Unix()-3600)
}

var sizes = [][2]int{{80, 24}, {120, 40}}
