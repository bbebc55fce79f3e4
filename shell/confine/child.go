// Package confine takes from the process what a command does not need, and knows who
// gives the commands.
package confine

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// childGrace is how long a child may take to end once it has been asked to.
const childGrace = 2 * time.Second

// WaitChild waits for a child. If ctx ends it is asked to end too, and not waited
// for without end.
func WaitChild(ctx context.Context, cmd *exec.Cmd) error {
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-done:
		return err
	case <-time.After(childGrace):
		cmd.Process.Kill()
		return <-done
	}
}
