//go:build !linux

package disk

import "os"

// LocksFile is nothing here: no file lists the locks of the system.
const LocksFile = ""

// holder names nobody: flock(2) does not tell who has a lock.
func holder(*os.File) string { return "" }
