package journal

import "syscall"

// nothing is the signal that only asks whether a process is there.
const nothing = syscall.Signal(0)
