// Package browse shows the queue on the whole screen of a terminal, as a list in which the
// user moves, groups, sorts, filters and acts. It lists, selects and acts by package queue,
// and shows a message by running the commands that print it.
package browse

import (
	"context"
	"os"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the entries of the command table for browse.
var Commands = []*command.Command{
	{Pattern: "browse", Reach: command.NeedsSocket, Rounds: true, Lists: true, Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Screen: true, Acts: true, Live: true, Run: run,
		Summary: "browse the queue full-screen, mark envelopes and act on them", Help: help},
	{Pattern: "browse <selector...>", Reach: command.NeedsSocket, Rounds: true, Lists: true, Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Screen: true, Acts: true, Live: true, Check: check, Run: run,
		Summary: "browse the selected envelopes full-screen", Help: help},
}

// help is the help text of browse.
const help = "Press ? for the keys, q to leave. Removing, scheduling, pausing and resuming always ask first, act only on the\n" +
	"envelopes that were marked when the question appeared, and are logged as at the prompt. --read-only and --restricted\n" +
	"switch them off. With --host, on and connect the queue is that of another machine, or the queues of several are\n" +
	"one list: a machine that is down does not hold up the others, and an action first says what it does on each.\n" +
	"Where a queue has more than half a million different addresses or errors, sorting by them compares only the\n" +
	"beginning of each, and the first line says how much."

// check refuses a selection that is wrong, or that reads its ids from standard input: the keys
// come from there.
func check(c *command.Call) error {
	if queue.UsesStdin(c.Args) {
		return command.Usagef("%s: - reads ids from standard input, where the keys come from: give the ids as words", command.PathOf(c))
	}
	return queue.CheckSelection(c)
}

// run shows the screen until the user leaves it. It returns an error if input or output is no
// terminal, if the terminal cannot show a screen, or if the only smtpd does not answer.
func run(ctx context.Context, c *command.Call) error {
	in, ok := c.In.(*os.File)
	if !ok || !command.IsTerminal(in) || !c.Out.Tty || command.Dumb(c.Getenv) {
		return command.Usagef("%s: needs a terminal that can show a screen, for input and output: use show queue", command.PathOf(c))
	}
	if c.Hosts() == nil {
		if _, err := c.Conn(ctx); err != nil {
			return err
		}
		return onScreen(ctx, c, in)
	}
	one := *c
	switch hosts := c.Meant(); len(hosts) {
	case 0:
		c.Warnf("smtpctl: %s", queue.NothingListed(c))
		return nil
	case 1:
		listing := c.Listing.Of(hosts[0])
		return c.OnHost(ctx, c, hosts[0], func(ctx context.Context, c *command.Call) error {
			c.Listing = listing
			return run(ctx, c)
		})
	default:
		one.Opts.Host = strings.Join(hosts, ",")
		return onScreen(ctx, &one, in)
	}
}

// onScreen is run for a terminal that can show a screen. Where there are several machines, ids in
// the call are of each of them, or of all.
func onScreen(ctx context.Context, c *command.Call, in *os.File) error {
	if err := c.Out.Flush(); err != nil {
		return err
	}
	t, err := openScreen(c, in, os.Stdout)
	if err != nil {
		return err
	}
	defer t.close()
	return loop(ctx, c, t)
}
