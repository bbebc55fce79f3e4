package protocol

import "time"

// Patient makes no answer late, however busy the machine of the test is.
func Patient(c *Conn) { c.pace.slow = time.Hour }
