// Package oneproc keeps a program that imports it on one processor while it starts.
//
// With two, each goroutine that is started wakes a thread for the other one, which takes
// longer than most commands; and each processor has memory of its own to begin with. The
// package imports runtime alone, so that it is initialised before the packages that allocate
// and start something: see "What a start costs" in CONTRIBUTING.md.
package oneproc

import "runtime"

// processors is how many the program may use in the end.
var processors = runtime.GOMAXPROCS(1)

// End lets the program use all its processors.
func End() { runtime.GOMAXPROCS(processors) }
