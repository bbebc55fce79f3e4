//go:build !linux

package remote

import "syscall"

// apart starts a program in a session of its own, where it has no terminal and gets no signals
// from the terminal of this process.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endingWith is apart: this system cannot end a program together with the thread that started
// it.
func endingWith() *syscall.SysProcAttr { return apart() }
