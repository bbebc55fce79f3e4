//go:build !linux

package realsmtpd

import "syscall"

// procAttr gives smtpd a process group of its own.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// ownMounts does nothing: tests that need it run on Linux only.
func ownMounts(*syscall.SysProcAttr) {}
