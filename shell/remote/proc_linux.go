package remote

import "syscall"

// apart starts a program in a session of its own, where it has no terminal and gets no signals
// from the terminal of this process.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endingWith is apart for a program that gets SIGTERM when the thread that started it ends.
func endingWith() *syscall.SysProcAttr {
	a := apart()
	a.Pdeathsig = syscall.SIGTERM
	return a
}
