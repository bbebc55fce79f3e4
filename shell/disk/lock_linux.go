package disk

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// LocksFile lists the locks of the system.
const LocksFile = "/proc/locks"

// maxLocks is how many bytes of that file are read.
const maxLocks = 1 << 20

// holder returns " (process 123)" for the process that has locked a file, or "" if that
// is not known.
func holder(f *os.File) string {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return ""
	}
	list, err := os.Open(LocksFile)
	if err != nil {
		return ""
	}
	defer list.Close()
	// 1: FLOCK  ADVISORY  WRITE 4711 fd:01:123456 0 EOF
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino)
	sc := bufio.NewScanner(io.LimitReader(list, maxLocks))
	for sc.Scan() {
		words := strings.Fields(sc.Text())
		if len(words) >= 6 && words[1] == "FLOCK" && words[5] == want && words[4] != "0" && words[4] != "-1" {
			return " (process " + words[4] + ")"
		}
	}
	return ""
}
