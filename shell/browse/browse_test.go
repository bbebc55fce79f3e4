package browse

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"

	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
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

// TestListAndGroups goes into a group and out again, filters, sorts and leaves.
func TestListAndGroups(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		x := show(t, smtpdsim.Config{Seed: 1, Messages: 60, Mixed: true}, size[0], size[1], nil)
		x.sees("envelopes, ", "STATE", "? keys", " to ")
		x.types("g")
		x.sees("group by", "domain")
		x.types("e")
		x.types("dxd") // dispatcher comes next, then domain again
		x.press(tcell.KeyEnter)
		x.sees("browse by domain", "COUNT", "domain=")
		x.press(tcell.KeyEnter)
		x.sees("browse domain=", "envelopes, ")
		x.press(tcell.KeyEscape)
		x.sees("browse by domain")
		x.press(tcell.KeyBackspace2)
		x.sees("browse  ", "STATE")
		x.types("/domian=x")
		x.press(tcell.KeyEnter)
		x.sees(`unknown term "domian"`, "filter: domian=x")
		x.press(tcell.KeyCtrlU)
		x.types("error~^5")
		x.press(tcell.KeyEnter)
		x.sees("browse 'error~^5'", "envelopes, ")
		x.types("sa")
		x.press(tcell.KeyEnter)
		x.sees("sort=age", "envelopes, ")
		x.types("S")
		x.sees("sort=-age", "envelopes, ")
		x.types("?")
		x.sees("keys of browse", "mark all of the list")
		x.types("q")
		x.sees("sort=-age")
		x.types("q")
		if err := <-x.done; err != nil {
			t.Error(err)
		}
	}
}

// TestActions marks and acts: every action asks, no answer is a no, and just what was
// marked is touched.
func TestActions(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	for i := range 5 {
		x.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(i+1)<<32 | 1), Text: envelopeText("a@b.example", fmt.Sprintf("u%d@c.example", i), ""), Time: time.Now().Unix() + 3600})
	}
	x.types("r")
	x.sees("5 envelopes", "u0@c.example")
	x.types("d")
	x.sees("remove: 1 envelope", "remove it? [y/N]")
	x.press(tcell.KeyEnter)
	x.sees("remove: nothing done")
	x.types(" d")
	x.sees("1 marked", "remove it? [y/N]")
	x.types("y")
	x.press(tcell.KeyEnter)
	x.sees("1 envelope removed", "4 envelopes, ")
	x.types("ap")
	x.sees("4 marked", "pause envelope: 4 envelopes", "[y/N]")
	x.press(tcell.KeyEscape)
	x.sees("pause envelope: nothing done")
	x.types("p")
	x.sees("[y/N]")
	x.sim.Add(smtpdsim.Envelope{ID: 9<<32 | 1, Text: envelopeText("a@b.example", "late@c.example", ""), Time: time.Now().Unix() + 3600})
	x.types("y")
	x.press(tcell.KeyEnter)
	x.sees("4 envelopes paused", "5 envelopes, ", "late@c.example")
	paused := 0
	for _, e := range x.sim.Envelopes() {
		if e.Flags&protocol.FlagSuspend != 0 {
			paused++
		}
	}
	if paused != 4 {
		t.Errorf("%d envelopes are paused, want 4", paused)
	}
	if x.sim.MostSessions() > 1 {
		t.Errorf("%d connections at the same time", x.sim.MostSessions())
	}
}

// TestNoActions checks that sessions that may change nothing cannot.
func TestNoActions(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*command.Options){
		func(o *command.Options) { o.ReadOnly = true },
		func(o *command.Options) { o.Restricted = true },
	} {
		x := show(t, smtpdsim.Config{Seed: 1, Messages: 5}, 80, 24, change)
		x.sees("5 envelopes", "nothing can be changed here")
		for _, k := range " adnpu" {
			x.types("?")
			x.sees("keys of browse")
			x.types("q" + string(k))
			x.sees("nothing can be changed in this session: it is read-only or restricted")
		}
		for _, typ := range []protocol.Type{protocol.TypeRemove, protocol.TypeSchedule, protocol.TypePauseEnvelope, protocol.TypeResumeEnvelope} {
			if n := x.sim.Requests(typ); n > 0 {
				t.Errorf("%d requests %v", n, typ)
			}
		}
	}
}

// A slowScreen is a screen at the end of a slow line: to draw takes long.
type slowScreen struct {
	tcell.SimulationScreen
	drawn atomic.Int64  // how often
	block chan struct{} // what is drawn waits for it, if it is not nil
}

func (s *slowScreen) Show() {
	s.drawn.Add(1)
	if s.block != nil {
		<-s.block
	}
	s.SimulationScreen.Show()
}

// slowUI returns a ui on a slow screen, without a worker.
func slowUI(t *testing.T) (*ui, *slowScreen) {
	screen := &slowScreen{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	if err := screen.Init(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.Fini)
	h := newHost(t, "/nonexistent")
	u := newUI(context.Background(), &command.Call{Env: h.env, Cmd: Commands[0], Path: []string{"browse"}, Opts: h.opts}, screen)
	if err := u.open(&frame{}); err != nil {
		t.Fatal(err)
	}
	ids := &idList{}
	for i := range 500 {
		ids.add(protocol.EnvelopeID(i+1) << 32)
	}
	u.w.list = &listing{gen: u.top().wish.gen, ids: ids, done: true, at: time.Now()}
	return u, screen
}

// TestFolded types ahead while the screen is drawn slowly: keys that have come meanwhile
// are acted on together, and none is lost.
func TestFolded(t *testing.T) {
	t.Parallel()
	const keys = 200
	u, screen := slowUI(t)
	screen.block = make(chan struct{})
	ended := make(chan error, 1)
	go func() { ended <- u.events(context.Background()) }()
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		for range keys {
			screen.InjectKey(tcell.KeyRune, 'j', 0)
		}
	}()
	time.Sleep(20 * time.Millisecond) // what is typed waits now
	close(screen.block)
	<-typed
	screen.InjectKey(tcell.KeyRune, 'q', 0)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := u.top().cursor; n != keys {
		t.Errorf("%d keys were acted on, want %d", n, keys)
	}
	if n := screen.drawn.Load(); n > keys/4 {
		t.Errorf("drawn %d times for %d keys", n, keys)
	}
}

// TestStopped stops the program with Ctrl-Z while keys come: the library hands them over
// before it stops, and they are acted on after it.
func TestStopped(t *testing.T) {
	t.Parallel()
	u, screen := slowUI(t)
	u.suspend = func() error {
		for range 300 { // more than the queues hold
			screen.InjectKey(tcell.KeyRune, 'j', 0)
		}
		screen.InjectKey(tcell.KeyRune, 'q', 0)
		return nil
	}
	ended := make(chan error, 1)
	go func() { ended <- u.events(context.Background()) }()
	screen.InjectKey(tcell.KeyCtrlZ, 0, tcell.ModCtrl)
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not go on")
	}
	if n := u.top().cursor; n != 300 {
		t.Errorf("%d keys were acted on, want 300", n)
	}
}

// TestProgress says how far a listing is, and how long it takes once that can be told.
func TestProgress(t *testing.T) {
	for _, tt := range []struct {
		looked, total int64
		spent         time.Duration
		want          string
	}{
		{0, 0, 0, "listing, 0"},
		{100, 0, time.Second / 2, "listing, 100"},
		{100, 1000, time.Second / 2, "listing, 100 of 1000"},
		{1000, 10_000, 2 * time.Second, "listing, 1000 of 10000, 500/s, 19s left"},
		{1000, 1_000_000, 2 * time.Second, "listing, 1000 of 1000000, 500/s, 33m left"},
		{3000, 0, 2 * time.Second, "listing, 3000, 1500/s"},
		{3000, 2000, 2 * time.Second, "listing, 3000, 1500/s"},
		{0, 2000, 2 * time.Second, "listing, 0 of 2000"},
	} {
		var p progress
		p.begin(int(tt.total))
		p.looked.Store(tt.looked)
		p.spent.Store(int64(tt.spent))
		if got := p.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// TestGivesWay has a listing wait for the screen, not longer than a moment, and once for
// each key.
func TestGivesWay(t *testing.T) {
	var g way
	wait := func() time.Duration {
		start := time.Now()
		g.give()
		return time.Since(start)
	}
	g.want(nil)
	if d := wait(); d < givenFor {
		t.Errorf("it waited for %v", d)
	}
	g.want(nil)
	g.done(g.wanted.Load())
	given := g.given
	for keys, one := range map[string]bool{"j": true, "jj": false, "": false, "\x1b": true, "\x1b[A": true, "\x1bOA": true, "\x1b[6~": true, "\x1b[1;5D": true,
		"\x1b[A\x1b[A": false, "\x1bj": true, "\x1b[6~j": false, "é": false, "\x1bOAj": false} {
		if isOneKey([]byte(keys)) != one {
			t.Errorf("%q is one key: %v", keys, !one)
		}
	}
	if wait(); g.given != given {
		t.Error("it waited for what is drawn")
	}
}

// TestSorted goes to the end of a list in an order, and finds the same envelope there
// when it is listed anew.
func TestSorted(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	for i := range 300 {
		x.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(i+1)<<32 | 1, Text: envelopeText("a@b.example", fmt.Sprintf("u%03d@c.example", i*7%300), "")})
	}
	x.types("r")
	x.sees("300 envelopes,")
	x.types("sto")
	x.press(tcell.KeyEnter)
	x.sees("sort=to", "300 envelopes,", "u000@c.example")
	x.press(tcell.KeyEnd)
	x.sees("> ", "to u299@c.example")
	x.types("r")
	time.Sleep(100 * time.Millisecond)
	x.sees("to u299@c.example")
	x.types("S")
	x.sees("sort=-to", "to u299@c.example")
	x.press(tcell.KeyEnd)
	x.sees("to u000@c.example")
	x.types("sto")
	x.press(tcell.KeyEnter)
	x.sees("sort=to", "u000@c.example")
	x.types("a")
	x.sees("300 marked")
}

// slowConn is a connection that takes long for whatever is written to it once it is slow.
type slowConn struct {
	net.Conn
	slow *atomic.Bool
}

func (c slowConn) Write(p []byte) (int, error) {
	if c.slow.Load() {
		time.Sleep(time.Duration(len(p)) * 100 * time.Microsecond)
	}
	return c.Conn.Write(p)
}

// TestActionProgress acts on many envelopes of a slow smtpd: the last line says how far it
// is, and Ctrl-C stops it.
func TestActionProgress(t *testing.T) {
	t.Parallel()
	n := fulltest.Of(2000, 700)
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			var slow atomic.Bool
			x := show(t, smtpdsim.Config{Seed: 1, Messages: n, Fault: func(c net.Conn) net.Conn { return slowConn{c, &slow} }}, size[0], size[1], nil)
			x.sees(fmt.Sprintf("%d envelopes,", n), "STATE")
			x.types("a")
			x.sees(fmt.Sprintf("%d marked", n))
			x.types("p")
			x.sees("[y/N]")
			slow.Store(true)
			x.types("y")
			x.press(tcell.KeyEnter)
			x.sees("paused ", fmt.Sprintf(" of %d, ", n), " left; Ctrl-C stops it")
			x.press(tcell.KeyCtrlC)
			slow.Store(false)
			x.sees("interrupted", " as before")
		})
	}
}

// TestHostile checks that no text of smtpd's acts on the terminal.
func TestHostile(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{}, 80, 24, nil)
	x.sim.Add(smtpdsim.Envelope{ID: 1<<32 | 1, Text: envelopeText("a\x1b[2J@b.example", "u\x9b31m\u202e@c.example", "500 \x1b]0;x\a\u200bno")})
	x.types("r")
	x.sees("1 envelope,")
	for _, keys := range []string{"", "ge"} {
		x.types(keys)
		if keys != "" {
			x.press(tcell.KeyEnter)
			x.sees("browse by error", "COUNT")
		}
		for _, r := range x.text() {
			if r != '\n' && r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' || r == '\u200b' {
				t.Errorf("%q is on the screen:\n%q", r, x.text())
			}
		}
	}
}

// TestGone checks that the screen says that smtpd has gone, and goes on when it is back.
func TestGone(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{Seed: 1, Messages: 5}, 80, 24, nil)
	x.sees("5 envelopes")
	x.sim.Close()
	x.sees("smtpd is not running: trying again")
	var err error
	if x.sim, err = smtpdsim.Start(x.sim.Path(), smtpdsim.Config{Seed: 1, Messages: 7}); err != nil {
		t.Fatal(err)
	}
	x.sees("7 envelopes")
	// The lines are drawn one after the other.
	for deadline := time.Now().Add(time.Minute); strings.Contains(x.text(), "trying again"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(x.text())
		}
	}
}

// TestSmallScreens draws everything on screens of all sizes.
func TestSmallScreens(t *testing.T) {
	t.Parallel()
	x := show(t, smtpdsim.Config{Seed: 1, Messages: 50, Mixed: true}, 80, 24, nil)
	x.sees("envelopes, ")
	for _, size := range [][2]int{{1, 1}, {2, 3}, {10, 4}, {40, 5}, {500, 100}, {20, 2}, {80, 24}} {
		x.screen.SetSize(size[0], size[1])
		x.types("g")
		x.press(tcell.KeyEscape)
		x.types("?")
		x.press(tcell.KeyEscape)
		x.types("/a")
		x.press(tcell.KeyEscape)
		x.press(tcell.KeyEnd)
		x.press(tcell.KeyHome)
		time.Sleep(20 * time.Millisecond)
	}
	x.sees("STATE", "? keys")
}

// TestMarks compares marks with a plain set.
func TestMarks(t *testing.T) {
	l := &idList{}
	for i := range 20_000 {
		l.add(protocol.EnvelopeID(2*i + 10))
	}
	var m marks
	m.toggle(10)
	m.toggle(11)
	m.toggle(10)
	if m.count != 1 || !m.has(11) || m.has(10) {
		t.Errorf("%+v", m)
	}
	m.set(l)
	m.toggle(12)
	m.toggle(13)
	ids := m.ids()
	if len(ids) != 20_000 || m.count != 20_000 || ids[0] != 10 || ids[1] != 13 || ids[2] != 14 {
		t.Errorf("%d ids, count %d, first %v", len(ids), m.count, ids[:3])
	}
}

// TestFilter checks that the library gets keys only, whatever is typed.
func TestFilter(t *testing.T) {
	for _, tt := range [][2]string{
		{"abc", "abc"}, {"\xff", ""}, {"a\xc3", "a"}, {"日本", "日本"}, {"\x1b[A", "\x1b[A"}, {"\x1b", "\x1b"},
		{"\x1b]52;c;eA==\aq", "q"}, {"\x1bPx\x1b\\q", "q"}, {"\x1b]q", ""}, {"\x1b\x1b", "\x1b\x1b"}, {"\x1bNq", "q"},
	} {
		var f filter
		if got := string(f.filter([]byte(tt[0]), time.Now())); got != tt[1] {
			t.Errorf("%q gives %q, want %q", tt[0], got, tt[1])
		}
	}
	var f filter
	now := time.Now()
	got := string(f.filter([]byte("\xe6\x97"), now))
	got += string(f.filter([]byte("\xa5\x1b]x"), now))
	got += string(f.filter([]byte("q"), now))
	got += string(f.filter([]byte("q"), now.Add(time.Second)))
	if got != "日q" {
		t.Errorf("in parts it gives %q", got)
	}
}
