//go:build !linux

package realsmtpd

import "syscall"

// procAttr gives smtpd a process group of its own.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
