// Package jobs stops the program for the job control of a shell.
package jobs

import (
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How long Stop waits for the program to be stopped and continued: where a shell surely can
// continue it, and where that is not known.
const (
	sureWait   = 10 * time.Second
	unsureWait = 300 * time.Millisecond
)

// Stop stops the process group of the program, as Ctrl-Z does, and returns when the program
// continues. The program must have restored its terminal. The system stops a program a little
// after the call that asks for it, and longer on a busy machine: whoever took the terminal
// over again at once would do so before the program stops, and the shell would then find, and
// change, the settings of a program that believes it has set them.
//
// The system does not stop a program that no shell could continue (an orphaned process group).
// Then Stop returns after a moment, in which keys such as Ctrl-\ are signals; it returns at once
// where the program leads its session, and so certainly has no such shell.
func Stop() {
	if signal.Ignored(syscall.SIGTSTP) || leadsSession() {
		return
	}
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	wait := unsureWait
	if hasShell() {
		wait = sureWait
	}
	syscall.Kill(0, syscall.SIGTSTP)
	select {
	case <-continued:
	case <-time.After(wait):
	}
}

// leadsSession reports whether a terminal or sshd started the program, and no shell.
func leadsSession() bool {
	session, err := unix.Getsid(0)
	return err == nil && session == os.Getpid()
}

// hasShell reports whether the parent could continue the program: it belongs to the same
// session, and to another process group.
func hasShell() bool {
	parent := os.Getppid()
	group, err := unix.Getpgid(parent)
	if err != nil || group == unix.Getpgrp() {
		return false
	}
	theirs, err := unix.Getsid(parent)
	ours, own := unix.Getsid(0)
	return err == nil && own == nil && theirs == ours
}
