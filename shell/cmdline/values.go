package cmdline

import (
	"fmt"
	"strconv"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/selector"
)

// A span is a time with units up to weeks, as a flag.
type span struct{ d *time.Duration }

// Set implements pflag.Value.
func (s *span) Set(text string) (err error) {
	*s.d, err = selector.Duration(text)
	return err
}

// String implements pflag.Value.
func (s *span) String() string {
	if s.d == nil || *s.d == 0 {
		return "0"
	}
	const day = 24 * time.Hour
	if *s.d%day == 0 {
		return fmt.Sprintf("%dd", *s.d/day)
	}
	return s.d.String()
}

// Type implements pflag.Value.
func (s *span) Type() string { return "time" }

// A size is a number of bytes, with k, m, g or t for powers of 1024, as a flag.
type size struct{ n *int64 }

// Set implements pflag.Value.
func (s *size) Set(text string) (err error) {
	*s.n, err = selector.ParseSize(text)
	return err
}

// String implements pflag.Value.
func (s *size) String() string {
	if s.n == nil {
		return "0"
	}
	return selector.FormatSize(*s.n)
}

// Type implements pflag.Value.
func (s *size) Type() string { return "bytes" }

// ParseParallel returns how many machines are to work at the same time: 1 to
// command.MaxHosts.
func ParseParallel(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > command.MaxHosts {
		return 0, fmt.Errorf("%q: expected a number of machines, 1 to %d", text, command.MaxHosts)
	}
	return n, nil
}

// A machines is a number of machines, as a flag.
type machines struct{ n *int }

// Set implements pflag.Value.
func (m *machines) Set(text string) (err error) {
	*m.n, err = ParseParallel(text)
	return err
}

// String implements pflag.Value.
func (m *machines) String() string {
	if m.n == nil || *m.n == 0 {
		return ""
	}
	return strconv.Itoa(*m.n)
}

// Type implements pflag.Value.
func (m *machines) Type() string { return "int" }

// An exactly is a number of envelopes, as a flag. It is decimal, whatever it begins with, and below
// 0 only if it is not given: a number that a script has got wrong must not pass for any number.
type exactly struct{ n *int }

// Set implements pflag.Value.
func (e *exactly) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err == nil {
		*e.n = int(n)
	}
	return err
}

// String implements pflag.Value.
func (e *exactly) String() string {
	if e.n == nil || *e.n < 0 {
		return ""
	}
	return strconv.Itoa(*e.n)
}

// Type implements pflag.Value.
func (e *exactly) Type() string { return "int" }

// A place is a path, as a flag, of which it is known whether it was given.
type place struct {
	path  *string
	given *bool
}

// Set implements pflag.Value.
func (p *place) Set(text string) error {
	*p.path, *p.given = text, true
	return nil
}

// String implements pflag.Value.
func (p *place) String() string {
	if p.path == nil {
		return ""
	}
	return *p.path
}

// Type implements pflag.Value.
func (p *place) Type() string { return "string" }
