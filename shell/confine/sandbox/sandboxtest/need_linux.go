// Package sandboxtest says where tests of the sandbox can run.
package sandboxtest

import (
	"testing"

	"golang.org/x/sys/unix"
)

// versionFlag makes landlock_create_ruleset(2) return the version of its ABI.
const versionFlag = 1

// Need skips a test where the kernel has no Landlock that knows TCP, version 4.
func Need(t testing.TB) {
	t.Helper()
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, versionFlag)
	if errno != 0 || v < 4 {
		t.Skipf("needs a kernel with Landlock of version 4: this has %d, %v", int(v), errno)
	}
}
