package shell

import "smtpctl/shell/command"

// argID returns the value of an argument that is an id.
func argID(c *command.Call, i int) idArg { return c.Args[i].Value.(idArg) }
