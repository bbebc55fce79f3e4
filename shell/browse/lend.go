package browse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// A command that acts on several machines runs beside their sources, over the connections of the
// sources, which pause meanwhile.

// lendFor is how long a command waits for the connections of machines.
const lendFor = 3 * time.Second

// serverGroup is the name of the grouping by machine.
const serverGroup = "server"

// only returns the machine to which a group of a frame belongs, as in wish.
func (w *worker) only(f *frame, g *queue.Group) int {
	if f.wish.by == serverGroup {
		return slices.Index(w.names, g.Name) + 1
	}
	return f.wish.only
}

// all returns the machine that only names, as in wish, or all machines.
func (w *worker) all(only int) []int {
	if only > 0 {
		return []int{only - 1}
	}
	machines := make([]int, len(w.names))
	for m := range machines {
		machines[m] = m
	}
	return machines
}

// skip is that of wish for a call.
func (w *worker) skip(c *command.Call) []bool {
	carried, others := c.Carried()
	if !w.several() || carried == nil || others {
		return nil
	}
	skip := make([]bool, len(w.names))
	for m, name := range w.names {
		skip[m] = !carried[name]
	}
	return skip
}

// lend makes the sources of machines pause until release is called. It returns why those do not
// that cannot be used, by machine: what is said there is safe for a terminal.
func (w *worker) lend(ctx context.Context, machines []int) (ills map[int]string, release func()) {
	ills = map[int]string{}
	over := make(chan struct{})
	ready := make(chan int, len(machines))
	waiting := 0
	for _, m := range machines {
		w.mu.Lock()
		trouble := w.sources[m].trouble
		w.mu.Unlock()
		if trouble != "" {
			ills[m] = trouble
			continue
		}
		ills[m] = "smtpd has not answered yet"
		if w.sources[m].slow() == 0 && w.sources[m].do(func(ctx context.Context) bool {
			ready <- m
			select {
			case <-over:
			case <-ctx.Done():
			}
			return true
		}) {
			waiting++
		}
	}
	patience := time.NewTimer(lendFor)
	defer patience.Stop()
	for waiting > 0 {
		select {
		case m := <-ready:
			delete(ills, m)
			waiting--
			continue
		case <-patience.C:
		case <-ctx.Done():
		}
		break
	}
	return ills, func() { close(over) }
}

// across carries out an action on some of several machines. On those that do not answer it does
// nothing, which it says before it asks, and in its result.
func (u *ui) across(ctx context.Context, a *action, call *command.Call, machines []int, work job) {
	ills, release := u.w.lend(ctx, machines)
	defer release()
	names := make([]string, len(machines))
	for i, m := range machines {
		if names[i] = u.w.names[m]; ills[m] != "" {
			a.prelude = append(a.prelude, names[i]+": "+ills[m]+": nothing is done there")
		}
	}
	if call.Opts.Host = strings.Join(names, ","); len(machines) == 1 {
		a.host, *call = names[0], *u.w.sources[machines[0]].of(call)
	}
	dial := call.Dial
	call.Dial = func(ctx context.Context, o command.Options) (*protocol.Conn, error) {
		m := u.w.machine(o.Host)
		switch {
		case !slices.Contains(machines, m):
			return nil, errors.New("it is none of the machines that browse shows")
		case ills[m] != "":
			return nil, fmt.Errorf("%s: nothing done there", ills[m])
		}
		return dial(ctx, o)
	}
	if !u.w.enter(ctx) {
		u.w.mu.Lock()
		a.err, a.done = context.Cause(ctx), true
		u.w.mu.Unlock()
		poke(u.w.changed)
		return
	}
	defer u.w.leave()
	work(ctx)
	poke(u.w.changed)
}

// machine returns the number of the machine that the option --host of a call names, or -1.
func (w *worker) machine(host string) int {
	if host == "" {
		host = command.LocalHost
	}
	return slices.Index(w.names, host)
}

// named returns lines of an action with the name of its machine before them, if it is for one of
// several.
func (a *action) named(lines []string) []string {
	if a.host == "" {
		return lines
	}
	for i := range lines {
		lines[i] = a.host + ": " + lines[i]
	}
	return lines
}

// ordered returns the lines before a question about several machines: first those that say for
// each machine how many envelopes it is about, then what is said of them.
func ordered(lines []string) (heads, details []string) {
	for _, l := range lines {
		if _, rest, _ := strings.Cut(l, ":"); strings.HasPrefix(rest, "   ") {
			details = append(details, l)
		} else {
			heads = append(heads, l)
		}
	}
	return heads, details
}

// aboveAcross returns the lines above a question about several machines, in at most room lines
// of the screen: no machine is left out without a word.
func aboveAcross(lines []string, cols, room int) []string {
	heads, details := ordered(lines)
	above := foldLines(heads, cols)
	if len(above) > room {
		above = foldLines([]string{strings.Join(heads, "; ")}, cols)
	}
	if len(above) > room {
		above = append(above[:max(0, room-1)], "and more machines, for which the screen has no room")
	}
	return append(above, foldLines(details, cols)...)
}
