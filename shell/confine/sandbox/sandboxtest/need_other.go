//go:build !linux

// Package sandboxtest says where tests of the sandbox can run.
package sandboxtest

import "testing"

// Need skips the test.
func Need(t testing.TB) {
	t.Helper()
	t.Skip("is for Linux")
}
