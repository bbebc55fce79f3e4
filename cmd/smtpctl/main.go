// Command smtpctl is the shell for OpenSMTPD's smtpd.
package main

import (
	"os"

	"smtpctl/shell"
)

func main() { os.Exit(shell.Main(os.Args)) }
