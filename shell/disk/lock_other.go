//go:build !linux

package disk

import "os"

// LocksFile is empty, because no file lists the locks of this system.
const LocksFile = ""

// holder returns "", because flock(2) does not tell who has a lock.
func holder(*os.File) string { return "" }
