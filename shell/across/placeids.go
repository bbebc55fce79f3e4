package across

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// An id may carry the name of its machine, as in mx1:1234567812345678. In a command for several
// machines such ids say for which of them it is; Call.For leaves each machine its own. In a
// command for one machine the name has to be that of the machine, and is dropped before the
// command sees the id.

// PlaceIDs refuses ids that carry the names of machines that a call is not for, and drops the
// name of the machine from ids for one. With checking, it is not known yet for which machines the
// call will be.
func PlaceIDs(c *command.Call, checking bool) error {
	carried, _ := c.Carried()
	if len(carried) == 0 {
		return nil
	}
	named := slices.Sorted(maps.Keys(carried))
	machines := c.Hosts()
	if machines == nil {
		machines = []string{c.Server()}
	}
	if i := slices.IndexFunc(named, func(host string) bool { return !slices.Contains(machines, host) }); i >= 0 {
		if !checking {
			return elsewhere(c, named[i], named)
		}
		// Which machines it will be for is not known before the script runs.
		if c.Opts.Host = strings.Join(named, ","); c.Opts.Host == command.LocalHost {
			c.Opts.Host = ""
		}
		machines = named
	}
	if len(machines) == 1 {
		one := c.For(machines[0])
		c.Path, c.Args = one.Path, one.Args
	}
	return nil
}

// elsewhere returns the error for ids of a machine that a call is not for, out of all machines
// that its ids name.
func elsewhere(c *command.Call, host string, named []string) error {
	of := "this machine"
	if c.Opts.Host != "" {
		of = render.Bound(c.Opts.Host, command.ArgBytes)
	}
	err := fmt.Sprintf("%s: an id is of %s, and the command is for %s", command.PathOf(c), host, of)
	if c.Opts.Restricted {
		return command.Usagef("%s", err)
	}
	list := render.Bound(strings.Join(named, ","), command.ArgBytes)
	first := "connect " + list + " first"
	if c.Mode == command.OneShot {
		first = "--host " + list
	}
	return command.Usagef("%s: use %s, or on %s %s", err, first, list, c.Verb()+" ...")
}

// CheckArgs checks the arguments of a call before anything is sent: for each machine, those
// that it would get.
func CheckArgs(c *command.Call) error {
	if carried, _ := c.Carried(); carried == nil {
		return checkOwn(c)
	}
	path, args := c.Path, c.Args
	defer func() { c.Path, c.Args = path, args }()
	for _, host := range c.Meant() {
		c.Path, c.Args = path, args
		one := c.For(host)
		c.Path, c.Args = one.Path, one.Args
		if err := checkOwn(c); err != nil {
			return err
		}
	}
	return nil
}

// checkOwn is CheckArgs for one machine, or for arguments that are the same on all machines.
func checkOwn(c *command.Call) error {
	if c.Cmd.Changes() && len(c.Args) == 1 {
		id, ok := c.Args[0].Value.(queue.IDArg)
		if ok && !id.Whole() && (!c.Mode.Interactive() || c.Cmd.WholeIDs) {
			return command.Usagef("%s: expected 8 or 16 hex digits: a command that changes something needs the whole id", command.PathOf(c))
		}
	}
	if c.Cmd.Check == nil {
		return nil
	}
	return c.Cmd.Check(c)
}

// ReadInput reads the ids on standard input for a call for several machines, since those of
// each machine are known only then.
func ReadInput(c *command.Call) error {
	machines := c.Hosts()
	if machines == nil {
		return nil
	}
	return queue.ReadInputOf(c, machines)
}
