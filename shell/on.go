package shell

import (
	"context"
	"errors"
	"strings"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/suggest"
)

// onCommand carries out another command on the machines that it names.
var onCommand = &command.Command{
	Pattern: "on <hosts> <word...>", Reach: command.Anywhere, Inner: afterHosts, Aims: true, Takes: hasMachine, Group: command.GroupSession, Origin: command.Own, Live: true, Needs: command.NeedsAnything,
	Summary: "run a command on other machines, by ssh, and only that command",
	Help: "The hosts are those of --host: on mx1 show status, on mx1,mx2 show queue, on @front pause mta, on local show status.\n" +
		"The options of the command may follow it. Commands that are not about an smtpd, such as help, are refused.",
	Run: func(context.Context, *command.Call) error { return errors.New("on: expected a command") },
}

// afterHosts is the Inner of on.
func afterHosts(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	return words[1:]
}

// hasMachine reports whether a command is about the smtpd of a machine, or its files.
func hasMachine(c *command.Command) bool { return c.Reach != command.Anywhere }

// aims reports whether a word stands for a command that names the machines of the command
// inside it.
func (s *Session) aims(word string) bool {
	can, err := s.tree.Next([]string{word})
	if err != nil {
		return false
	}
	for _, c := range s.table {
		if c.Aims && c.Begins(can.Path) {
			return true
		}
	}
	return false
}

// aim returns what the command inside a match is, and makes the options those for the
// machines that the match names.
func (s *Session) aim(m *grammar.Match, words []string, opts *command.Options) (*grammar.Match, error) {
	name, hosts := m.Path[0], m.Args[0].Text
	if opts.Restricted {
		return nil, fleet.ErrNames(name)
	}
	opts.Host = hosts
	if err := s.fleet.TakeHost(opts, name); err != nil {
		return nil, err
	}
	inner, _ := s.tree.Inside(words)
	in, err := s.resolveWords(inner, opts)
	if err != nil {
		return nil, &command.UsageError{Err: err}
	}
	if takes := s.table[m.Rule].Takes; !takes(s.table[in.Rule]) {
		return nil, command.Usagef("%s %s: %q is not about the smtpd of a machine: give it without %s", name, hosts, strings.Join(in.Path, " "), name)
	}
	return in, nil
}

// sourceInside returns what finds the source of values inside another command. Where that
// names machines, the smtpd of the session is another one: its ids and values are not
// offered, but terms are.
func (s *Session) sourceInside(live *suggest.Live) func(outer []string) completer.Source {
	away := suggest.NewSource(func(context.Context, string) (*protocol.Conn, error) { return nil, protocol.ErrNotRunning },
		func() string { return s.opts.Spool }, func() {})
	away.Elsewhere = func() bool { return true }
	return func(outer []string) completer.Source {
		for ok := true; ok && len(outer) > 0; outer, ok = s.tree.Inside(outer) {
			if s.aims(outer[0]) {
				away.NoFiles, away.Offers, away.Settings, away.Selections = live.NoFiles, live.Offers, live.Settings, live.Selections
				return away
			}
		}
		return live
	}
}
