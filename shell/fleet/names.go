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
	var out []string
	for _, name := range strings.Split(list, ",") {
		names := []string{name}
		if group, ok := strings.CutPrefix(name, "@"); ok {
			var err error
			if names, err = f.farSettings().Hosts(group); err != nil {
				return nil, err
			}
		}
		for _, n := range names {
			if _, err := hostname.Parse(n); err != nil {
				return nil, fmt.Errorf("%q: %w", n, err)
			}
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
		if len(out) > command.MaxHosts {
			return nil, fmt.Errorf("more than %d machines", command.MaxHosts)
		}
	}
	return out, nil
}

// ErrNames returns why a command that names machines is refused in a restricted session.
func ErrNames(name string) error {
	return command.Usagef("%s: refused, --restricted lets no server be named", name)
}
