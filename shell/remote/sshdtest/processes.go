package sshdtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Clients returns a line, which begins with the process id, about each process of ssh whose
// arguments contain folder: Dir of a server, or a folder of sockets. sshd itself is not among
// them.
func Clients(t testing.TB, folder string) []string {
	t.Helper()
	var found []string
	for _, line := range processes(t) {
		if strings.Contains(line, folder) && strings.Contains(line, "ssh") && !strings.Contains(line, "sshd -D") {
			found = append(found, line)
		}
	}
	return found
}

// Masters returns the process ids of those of Clients that hold the connection to a host, or to
// any host if that is empty.
func Masters(t testing.TB, folder, host string) (pids []int) {
	t.Helper()
	for _, line := range Clients(t, folder) {
		var pid int
		if fmt.Sscan(line, &pid); strings.Contains(line, "ControlMaster=yes") && (host == "" || strings.Contains(line, "-- "+host+" ")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// processes returns the process id and the arguments of each process. Tests ask again and
// again, so it reads them from the kernel where it can: to start ps(1) takes ten times as long.
func processes(t testing.TB) (lines []string) {
	t.Helper()
	pids := listed()
	for _, pid := range pids {
		// A process that has ended has no arguments.
		if args, err := os.ReadFile("/proc/" + pid + "/cmdline"); err == nil && len(args) > 0 {
			lines = append(lines, fmt.Sprintf("%s %s", pid, bytes.ReplaceAll(bytes.TrimRight(args, "\x00"), []byte{0}, []byte(" "))))
		}
	}
	if len(pids) > 0 {
		return lines
	}
	out, err := exec.Command("ps", "-eo", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// listed returns the ids of all processes that the kernel lists in /proc, if it has that. A pattern
// for filepath.Glob would have it read the folder of each of them.
func listed() (pids []string) {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return name[0] < '0' || name[0] > '9' })
}

// parents returns the process id of each process and that of its parent. It reads them as
// processes does, from a line such as "7 (a name) S 1 7 ...".
func parents(t testing.TB) (lines []string) {
	t.Helper()
	pids := listed()
	for _, pid := range pids {
		text, _ := os.ReadFile("/proc/" + pid + "/stat") // a process that has ended has none
		if i := bytes.LastIndexByte(text, ')'); i >= 0 && len(text) > i+4 {
			lines = append(lines, pid+" "+string(text[i+4:]))
		}
	}
	if len(pids) > 0 {
		return lines
	}
	out, err := exec.Command("ps", "-eo", "pid=,ppid=").Output()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(out)))
}
