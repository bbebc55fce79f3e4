// Package trace records panics in a file, for developers, where nothing may be printed.
package trace

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"smtpctl/protocol/safefile"
)

// Env is the environment variable with the path of the file. If it is not set, nothing
// is recorded.
const Env = "SMTPCTL_DEBUG"

// Panic records a recovered panic with the stack of the goroutine. It must be called in
// the deferred function that recovers.
func Panic(where string, v any) {
	name := os.Getenv(Env)
	if name == "" {
		return
	}
	// Other users may be able to write the folder of the file.
	f, err := safefile.Append(name, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s pid %d: panic in %s: %v\n%s\n", time.Now().Format(time.RFC3339), os.Getpid(), where, v, debug.Stack())
}
