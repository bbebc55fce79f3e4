// A start does not look for a limit of the cgroup, which takes as long as to ask smtpd:
// the program may use the processors that it may run on.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command smtpctl is the shell for OpenSMTPD's smtpd.
package main

import (
	"os"
	"time"

	"smtpctl/shell"
	"smtpctl/shell/early"
)

// soon is when a command takes so long that more processors are worth their start.
const soon = 5 * time.Millisecond

func main() {
	time.AfterFunc(soon, early.AllProcessors)
	os.Exit(shell.Main(os.Args))
}
