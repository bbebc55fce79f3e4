// Package trace keeps a record of what went wrong where nothing may be printed,
// for those who look for the cause.
package trace

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"smtpctl/protocol/safefile"
)

// Env is the environment variable that names the file for the record. Without it
// none is kept.
const Env = "SMTPCTL_DEBUG"

// Panic notes a panic from which the program has recovered, with the stack of the
// goroutine. It is called in the deferred function that recovers.
func Panic(where string, v any) {
	name := os.Getenv(Env)
	if name == "" {
		return
	}
	// The file may be in a folder of others.
	f, err := safefile.Append(name, 0o600)
	if err != nil {
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "%s pid %d: panic in %s: %v\n%s\n", time.Now().Format(time.RFC3339), os.Getpid(), where, v, debug.Stack())
}
