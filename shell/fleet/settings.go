package fleet

import (
	"errors"
	"fmt"
	"strings"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/config"
	"smtpctl/shell/hostname"
	"smtpctl/shell/remote"
)

// farSettings returns the settings, of which those about other machines hold for scripts and
// for the command line, too. They are read once for the session.
func (f *Fleet) farSettings() *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.settings == nil {
		c, _ := config.Load(f.Env)
		f.settings = &c
		f.hosts, _ = loadHosts(&c)
	}
	return f.settings
}

// takeParallel makes the setting parallel the option --parallel where that is not given.
func (f *Fleet) takeParallel(o *command.Options) (err error) {
	if o.Parallel == 0 {
		o.Parallel, err = parallelSetting(f.farSettings())
	}
	return err
}

// parallelSetting returns the value of the setting parallel, or 0 where there is none.
func parallelSetting(c *config.Config) (int, error) {
	if c.Parallel == "" {
		return 0, nil
	}
	n, err := cmdline.ParseParallel(c.Parallel)
	if err != nil {
		return 0, fmt.Errorf("%s: parallel: %w", c.Where["parallel"], err)
	}
	return n, nil
}

// CheckSettings returns what is wrong with what the settings say about machines.
func CheckSettings(c *config.Config) []error {
	_, problems := loadHosts(c)
	if _, err := parallelSetting(c); err != nil {
		problems = append(problems, err)
	}
	return problems
}

// A hostSetting is what the settings say about one machine. Its fields are "" where they do not.
type hostSetting struct {
	way, socket, spool, smtp string

	where string // the file and line
	err   error  // what is wrong with the line
}

// loadHosts returns the settings of machines by name, and what is wrong with them.
func loadHosts(c *config.Config) (map[string]hostSetting, []error) {
	all := map[string]hostSetting{}
	var problems []error
	for _, n := range c.Machines {
		h := hostSetting{where: n.Where}
		if err := h.parse(n.Name, n.Text); err != nil {
			h.err = fmt.Errorf("%s: host %s: %w", n.Where, n.Name, err)
			problems = append(problems, h.err)
		}
		if _, err := hostname.Parse(n.Name); err != nil && c.Hidden == nil {
			c.Hidden = h.err // it may be of any machine
		}
		all[n.Name] = h
	}
	return all, problems
}

// parse takes in the words of a line.
func (h *hostSetting) parse(name, text string) error {
	if _, err := hostname.Parse(name); err != nil {
		return err
	}
	if name == localHost {
		return errors.New("expected another machine: this one has --socket and --spool")
	}
	given := map[string]bool{}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch {
		case given[key]:
			err = errors.New("given twice")
		case key == "way":
			h.way, err = remote.ParseWay(value)
		case key == "socket":
			h.socket, err = value, remote.Path(value)
		case key == "spool":
			h.spool, err = value, remote.Path(value)
		case key == "smtp":
			h.smtp, err = value, remote.ParseSMTP(value)
		default:
			err = errors.New("expected way=WAY, socket=PATH, spool=PATH or smtp=ADDRESS")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", word, err)
		}
		given[key] = true
	}
	return nil
}

// setting returns what the settings say about a machine. They say nothing about those of a
// demo.
func (f *Fleet) setting(host string) hostSetting {
	if host == "" || host == localHost || f.simulated != nil {
		return hostSetting{}
	}
	f.farSettings()
	return f.hosts[host]
}

// hidden returns an error if the settings may say something about machines that is not known:
// nothing is sent to another machine then, since it could go to another smtpd than was meant, or
// to fewer machines.
func (f *Fleet) hidden() error {
	if f.simulated != nil {
		return nil
	}
	err := f.farSettings().Hidden
	if err == nil {
		return nil
	}
	return fmt.Errorf("settings: %w; they may say how to reach a machine: nothing is sent to any", command.FileError(err))
}

// checkSettings returns what is wrong with the settings of one of some machines: nothing is sent
// there by a way that nobody has chosen.
func (f *Fleet) checkSettings(hosts []string) error {
	for _, host := range hosts {
		if err := f.setting(host).err; err != nil {
			return err
		}
	}
	return nil
}

// ForHost returns options with one of the hosts that --host may name, and with the paths that
// the settings have for it unless --socket or --spool names others. This machine is "" there.
func (f *Fleet) ForHost(o command.Options, host string) command.Options {
	if o.Host = host; host == localHost {
		o.Host = ""
	}
	set := f.setting(o.Host)
	if set.socket != "" && !o.SocketGiven {
		o.Socket = set.socket
	}
	if set.spool != "" && !o.SpoolGiven {
		o.Spool = set.spool
	}
	o.SMTP = set.smtp
	return o
}
