//go:build !linux

package shell

import "os"

// locksFile is nothing here: no file lists the locks of the system.
const locksFile = ""

// holder names nobody: flock(2) does not tell who has a lock.
func holder(*os.File) string { return "" }
