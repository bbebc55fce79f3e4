// Package fulltest decides how much of its domain a test covers, how many tests run at once
// and where their temporary files are. Only tests import it.
package fulltest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"
	"time"
)

// Env names the environment variable that makes tests cover all of their domain if it is not
// empty: every step at which a program can be killed, every fault at every place, hashes of
// the usual cost. CI sets it. Without it such a test covers a sample in which every kind has
// a member, so that go test ./... takes a good minute on two processors.
const Env = "SMTPCTL_TEST_FULL"

// On reports whether tests cover all of their domain.
func On() bool { return os.Getenv(Env) != "" }

// Takes reports whether a test covers member i of its domain: every member if Env is set,
// otherwise one in n. In a domain of several dimensions, pass the sum of the indexes as i, so
// that every member of each dimension is covered at least once.
func Takes(i, n int) bool { return On() || i%n == 0 }

// Of returns all if Env is set, otherwise few.
func Of(all, few int) int {
	if On() {
		return all
	}
	return few
}

// Main is the TestMain of a package whose tests mostly wait for processes or timeouts: it
// runs up to parallel of them at once, which may be more than there are processors, puts
// temporary files into memory as InMemory does, and collects garbage as SeldomGarbage does. It
// does not return.
func Main(m *testing.M, parallel int) {
	Parallel(parallel)
	InMemory()
	SeldomGarbage()
	os.Exit(m.Run())
}

// memory is the folder at which Linux mounts a file system in memory.
const memory = "/dev/shm"

// InMemory sets TMPDIR, so that the temporary files of tests are in memory: on a disk,
// creating and removing them takes a good part of the time of all tests. It does nothing if
// Env or TMPDIR is set, or if memory is not usable.
func InMemory() {
	if On() || os.Getenv("TMPDIR") != "" || !usable(memory) {
		return
	}
	if dir, err := os.MkdirTemp(memory, "try"); err != nil || os.Remove(dir) != nil {
		return
	}
	os.Setenv("TMPDIR", memory)
}

// SeldomGarbage has garbage collected once the heap is five times as large as what is in use,
// not twice: many short tests, each with little in use, otherwise spend a sixth of their time
// on it. It does nothing if Env or GOGC is set.
func SeldomGarbage() {
	if !On() && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// Parallel sets how many parallel tests run at once: n, or fewer on a machine that is slow to
// start programs, because there the tests that wait do not leave the processors to the others,
// and each would take longer than what it waits for. Called from TestMain before m.Run, it is a
// default, because m.Run parses -parallel later. If it fails, it ends the program.
func Parallel(n int) {
	if slowStarts() {
		n = max(min(n, 4), n*5/8)
	}
	if err := flag.Set("test.parallel", fmt.Sprint(n)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// slowStart is how long a program that does nothing takes on a machine that is slow to start
// programs. Others take half a millisecond.
const slowStart = 1200 * time.Microsecond

// slowStarts reports whether each of ten starts of a program takes longer than slowStart.
func slowStarts() bool {
	for range 10 {
		began := time.Now()
		if exec.Command("true").Run() != nil || time.Since(began) < slowStart {
			return false
		}
	}
	return true
}
