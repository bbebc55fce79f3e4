package protocol

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// errUnasked means that data arrived on an idle connection.
var errUnasked = &ProtocolError{Reason: "data that nobody asked for"}

// peek checks, without waiting, whether the other side of an idle connection has closed
// it or has sent data that nobody requested. Either makes the connection unusable.
func peek(nc net.Conn) error {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return ErrHangup
	}
	var result error
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case err != nil || n == 0:
			result = ErrHangup
		default:
			result = errUnasked
		}
	})
	if err != nil {
		return ErrHangup
	}
	return result
}
