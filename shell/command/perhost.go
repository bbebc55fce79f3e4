package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/hostname"
)

// A PerHost is the value of an argument that each machine has a value of its own of, by the
// name of the machine: an id that carries that name, or several. It is no argument for a
// machine that it lacks. No handler gets one, but what For returns.
type PerHost map[string]any

// A Namer is the value of an argument that names mail by itself, such as an id. Other
// arguments, such as terms, only narrow down what is named.
type Namer interface{ NamesMail() }

// ParseID parses an id with parse. If the id carries the name of a machine, as in
// mx1:12345678, the value is a PerHost.
func ParseID(word string, parse func(id string) (any, error)) (any, error) {
	host, id, carried, err := hostname.Cut(word)
	if !carried {
		return parse(word)
	}
	if id == "" {
		return nil, errors.New("expected an id after the colon, such as mx1:1234567812345678")
	}
	v, perr := parse(id)
	switch {
	case perr != nil:
		return nil, fmt.Errorf("%q after the name of a host: %w", id, perr)
	case err != nil:
		return nil, err
	}
	return PerHost{host: v}, nil
}

// Carried returns the machines whose names ids among the arguments carry, and whether there
// are other arguments that name mail, which are for all machines.
func (c *Call) Carried() (hosts map[string]bool, others bool) {
	for _, a := range c.Args {
		switch v := a.Value.(type) {
		case PerHost:
			if hosts == nil {
				hosts = map[string]bool{}
			}
			for host := range v {
				hosts[host] = true
			}
		case Namer:
			others = true
		}
	}
	return hosts, others
}

// Means reports whether a call is for a machine. If ids carry names of machines, only those
// machines are meant, and all if there are other ids: terms alone do not make a call be for a
// machine, since they only narrow down what the ids name.
func (c *Call) Means(host string) bool {
	hosts, others := c.Carried()
	return means(hosts, others, host)
}

// means is Means for what Carried has returned.
func means(hosts map[string]bool, others bool, host string) bool {
	return hosts == nil || others || hosts[host]
}

// Meant returns those of several machines that a call is for.
func (c *Call) Meant() []string {
	hosts, others := c.Carried()
	return slices.DeleteFunc(c.Hosts(), func(host string) bool { return !means(hosts, others, host) })
}

// For returns the call as it is for the machine of a name: without the ids of others. Of a
// machine that is not meant it has those, which select nothing there.
func (c *Call) For(host string) *Call {
	one := *c
	one.Path, one.Args = nil, nil
	pattern := strings.Fields(c.Cmd.Pattern)
	args, means := c.Args, c.Means(host)
	for i, w := range c.Path {
		if isArg(pattern, i) && len(args) > 0 {
			a := args[0]
			args = args[1:]
			if v, ok := a.Value.(PerHost); ok {
				own, has := v[host]
				switch {
				case has:
					a.Value = own
				case means:
					continue
				}
			}
			one.Args = append(one.Args, a)
		}
		one.Path = append(one.Path, w)
	}
	return &one
}
