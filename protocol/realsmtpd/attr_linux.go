package realsmtpd

import "syscall"

// procAttr gives smtpd a process group of its own and ends it with the test.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
