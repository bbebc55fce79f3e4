// Package browse shows the queue on a whole screen: a list to move in, to group, to sort,
// to filter and to act on. It lists, selects and acts with package queue, and shows mail
// by running the commands that do so.
package browse

import (
	"context"
	"os"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
)

// Commands are the commands that browse the queue.
var Commands = []*command.Command{
	{Pattern: "browse", Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Screen: true, Acts: true, Live: true, Run: run,
		Summary: "browse the queue on a whole screen, and act on what is marked there", Help: help},
	{Pattern: "browse <selector...>", Group: command.GroupQueue, Origin: command.Own, Needs: command.NeedsNames, Logs: true, Screen: true, Acts: true, Live: true, Check: check, Run: run,
		Summary: "browse the selected envelopes", Help: help},
}

// help is the help of browse.
const help = "Removing, scheduling, pausing and resuming ask first, however few envelopes they are for, act only on the envelopes\n" +
	"that were marked when they asked, and are logged as at the prompt; --read-only and --restricted leave them out.\n" +
	"Press ? for the keys, q to leave. At most the first 5,000 envelopes of an order other than that of the ids are shown."

// check refuses what cannot be browsed.
func check(c *command.Call) error {
	if queue.UsesStdin(c.Args) {
		return command.Usagef("%s: - reads ids from standard input, where the keys come from: give the ids as words", command.PathOf(c))
	}
	return queue.CheckSelection(c)
}

// run shows the screen until the user leaves it.
func run(ctx context.Context, c *command.Call) error {
	in, ok := c.In.(*os.File)
	if !ok || !command.IsTerminal(in) || !c.Out.Tty || command.Dumb(c.Getenv) {
		return command.Usagef("%s: needs a terminal that can show a screen, for input and output: use show queue", command.PathOf(c))
	}
	if _, err := c.Conn(ctx); err != nil {
		return err
	}
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
