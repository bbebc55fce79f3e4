// Package confine drops the privileges and the file access that a command does not
// need, and identifies the person who gives commands.
package confine

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

// childGrace is how long a child may take to end after it has been asked to.
const childGrace = 2 * time.Second

// WaitChild waits for a child process. When ctx ends, it asks the child to end and
// waits for a limited time.
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
