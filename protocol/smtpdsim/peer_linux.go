package smtpdsim

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// mayCommand reports whether a client is root, as smtpd requires, or the user who
// started the simulation.
func mayCommand(c net.Conn) bool {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return true
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return false
	}
	may := false
	raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		may = err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid())
	})
	return may
}
