package server

import (
	"errors"
	"time"
)

// Limits of --interval.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = 24 * time.Hour
)

// wantInterval describes a valid interval, with its bounds.
const wantInterval = "a time such as 5, 0.5s or 1m, from 100ms to 24h0m0s"

// An intervalFlag is the value of a flag: a time, or a number of seconds.
type intervalFlag time.Duration

// Set implements pflag.Value.
func (s *intervalFlag) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err == nil && (d < minInterval || d > maxInterval) {
		err = errors.New("out of range")
	}
	*s = intervalFlag(d)
	return err
}

// String implements pflag.Value.
func (s *intervalFlag) String() string { return time.Duration(*s).String() }

// Type implements pflag.Value.
func (s *intervalFlag) Type() string { return "time" }
