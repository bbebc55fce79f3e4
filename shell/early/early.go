// Package early prepares the start of a program that imports it. It imports runtime alone, so
// that it is initialised before the packages that allocate and start something: see "What a
// start costs" in CONTRIBUTING.md.
package early

import "runtime"

// processors is how many the program may use in the end. It starts on one: with two, each
// goroutine that is started wakes a thread for the other processor, and each has memory of
// its own to begin with, which takes longer than most commands.
var processors = runtime.GOMAXPROCS(1)

func init() { makeRoom() }

// AllProcessors lets the program use all its processors.
func AllProcessors() { runtime.GOMAXPROCS(processors) }

// stackUse is how much stack a short command needs.
const stackUse = 12 << 10

var used byte

// makeRoom makes the stack of the first goroutine as large as a short command needs it. It
// would otherwise grow there in four steps, each of which copies all and reads the tables of
// the functions that are on it.
//
//go:noinline
func makeRoom() {
	var room [stackUse]byte
	used = room[int(used)]
}
