// Package simtest starts simulated smtpds for tests.
package simtest

import (
	"testing"

	"smtpctl/protocol/smtpdsim"
)

// Start starts a simulated smtpd, which ends with the test, and returns the path
// of its socket.
func Start(t testing.TB, cfg smtpdsim.Config) (*smtpdsim.Server, string) {
	t.Helper()
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	s, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, path
}
