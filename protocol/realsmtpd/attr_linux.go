package realsmtpd

import "syscall"

// procAttr gives smtpd a process group of its own and ends it with the test.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// ownMounts gives a process mounts that nobody else sees.
func ownMounts(attr *syscall.SysProcAttr) { attr.Unshareflags = syscall.CLONE_NEWNS }
