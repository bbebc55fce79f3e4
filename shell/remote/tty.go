package remote

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// A foreground is the terminal of this process while ssh owns it, to ask for a passphrase or
// about the key of a machine. ssh reads the answer itself; this program never sees it. Later,
// ssh is in the background, where Ctrl-C does not reach it.
type foreground struct {
	tty   *os.File
	group int // the process group that owned the terminal before
}

// openForeground returns the terminal of this process, or nil if there is none or if this
// process is not in its foreground.
func openForeground() *foreground {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		tty.Close()
		return nil
	}
	return &foreground{tty, group}
}

// deaf starts a program that ignores the signal of Ctrl-Z, as do those that it starts.
const deaf = `trap "" TSTP; exec "$0" "$@"`

// heedless returns a command that does what cmd does, but is not stopped by Ctrl-Z: stopped, ssh
// would own the terminal, and no key would do anything. ssh asks again instead.
func (f *foreground) heedless(cmd *exec.Cmd) *exec.Cmd {
	if cmd.Err != nil {
		return cmd
	}
	return exec.Command("/bin/sh", append([]string{"-c", deaf, cmd.Path}, cmd.Args[1:]...)...)
}

// attr returns attributes that start a program in the foreground of the terminal.
func (f *foreground) attr() *syscall.SysProcAttr {
	a := endingWith()
	a.Setsid, a.Foreground, a.Ctty = false, true, int(f.tty.Fd())
	return a
}

// close makes this process own the terminal again. The kernel stops a background process that
// tries that with SIGTTOU, unless the process ignores SIGTTOU.
func (f *foreground) close() {
	signal.Ignore(syscall.SIGTTOU)
	unix.IoctlSetPointerInt(int(f.tty.Fd()), unix.TIOCSPGRP, f.group)
	signal.Reset(syscall.SIGTTOU)
	f.tty.Close()
}
