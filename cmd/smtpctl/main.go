// The runtime reads the limit of the cgroup at the start, whatever is set here; these keep it
// from opening files of it for good and from reading them again. The program may use the
// processors that it may run on.
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
const soon = 10 * time.Millisecond

func main() {
	time.AfterFunc(soon, early.AllProcessors)
	os.Exit(shell.Main(os.Args))
}
