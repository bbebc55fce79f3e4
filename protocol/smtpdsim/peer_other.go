//go:build !linux

package smtpdsim

import "net"

// mayCommand lets in whoever the mode of the socket lets in.
func mayCommand(net.Conn) bool { return true }
