package fleet

import (
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
	"smtpctl/shell/remote"
)

// HostOption is the option that TakeHost checks.
const HostOption = "--host"

// TakeHost checks the option --host, or what stands for it, which an error names. The option may
// name several hosts, separated by commas. TakeHost replaces groups by their hosts, and makes the
// option "" if only this machine is named. For other machines it also checks the paths in --socket
// and --spool, and for several machines it takes from the settings how many of them work at the
// same time.
func (f *Fleet) TakeHost(o *command.Options, name string) error {
	if o.Host == "" {
		return nil
	}
	if err := f.hidden(); err != nil && o.Host != localHost {
		return &command.UsageError{Err: err}
	}
	hosts, err := f.hostNames(o.Host)
	if err != nil {
		return command.Usagef("%s %q: %w", name, o.Host, err)
	}
	if o.Host = strings.Join(hosts, ","); o.Host == localHost {
		o.Host = ""
		return nil
	}
	if err := f.checkSettings(hosts); err != nil {
		return &command.UsageError{Err: err}
	}
	if len(hosts) > 1 {
		if err := f.takeParallel(o); err != nil {
			return &command.UsageError{Err: err}
		}
	}
	if err := remote.Path(o.Socket); err != nil {
		return command.Usagef("--socket %q: %w", o.Socket, err)
	}
	if err := remote.Path(o.Spool); err != nil {
		return command.Usagef("--spool %q: %w", o.Spool, err)
	}
	return nil
}

// hostNames returns the names in a list separated by commas, each once. @NAME stands for the
// hosts of a group in the settings.
func (f *Fleet) hostNames(list string) ([]string, error) {
	names := nameList{fleet: f, seen: map[string]bool{}}
	for _, name := range strings.Split(list, ",") {
		if err := names.add(name, nil); err != nil {
			return nil, err
		}
	}
	return names.hosts, nil
}

// A nameList is a list of hosts that is being made.
type nameList struct {
	fleet *Fleet
	hosts []string
	seen  map[string]bool // names of hosts, and of groups with @, that were added
}

// add adds a host or, for @NAME, the hosts of that group and of the groups in it. within are the
// groups in which name is.
func (l *nameList) add(name string, within []string) error {
	group, ok := strings.CutPrefix(name, "@")
	switch {
	case ok && slices.Contains(within, group):
		return fmt.Errorf("the group @%s contains itself", group)
	case l.seen[name]:
		return nil
	}
	l.seen[name] = true
	if !ok {
		if _, err := hostname.Parse(name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		if l.hosts = append(l.hosts, name); len(l.hosts) > command.MaxHosts {
			return fmt.Errorf("more than %d machines", command.MaxHosts)
		}
		return nil
	}
	members, err := l.fleet.farSettings().Hosts(group)
	if err != nil {
		return err
	}
	within = append(slices.Clip(within), group)
	for _, m := range members {
		if err := l.add(m.Name, within); err != nil {
			return fmt.Errorf("%s: %w", m.Where, err)
		}
	}
	return nil
}

// ErrNames returns why a command that names machines is refused in a restricted session.
func ErrNames(name string) error {
	return command.Usagef("%s: refused, --restricted lets no server be named", name)
}
