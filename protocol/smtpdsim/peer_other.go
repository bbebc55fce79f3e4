//go:build !linux

package smtpdsim

import "net"

// mayCommand leaves the decision to the mode of the socket.
func mayCommand(net.Conn) bool { return true }
