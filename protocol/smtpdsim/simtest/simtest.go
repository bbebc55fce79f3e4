// Package simtest starts simulated smtpds for tests.
package simtest

import (
	"testing"

	"smtpctl/protocol/smtpdsim"
)

// Socket returns a path for the socket of a simulated smtpd, which is removed when the
// test ends.
func Socket(t testing.TB) string {
	t.Helper()
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	return path
}

// Start starts a simulated smtpd, which ends with the test, and returns the path
// of its socket.
func Start(t testing.TB, cfg smtpdsim.Config) (*smtpdsim.Server, string) {
	t.Helper()
	path := Socket(t)
	s, err := smtpdsim.Start(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, path
}
