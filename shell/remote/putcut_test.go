package remote

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
)

// cuts returns where a test ends an input of several lines that has begun before at: after each
// byte, outside CI before the first line and, of each line, in its middle, before its end and
// after it.
func cuts(input string, at int) (all []int) {
	if fulltest.On() {
		for n := at; n <= len(input); n++ {
			all = append(all, n)
		}
		return all
	}
	all = append(all, at)
	for line := range strings.Lines(input[at:]) {
		all = append(all, at+len(line)/2, at+len(line)-1, at+len(line))
		at += len(line)
	}
	return slices.Compact(all)
}

// TestPutCut ends the input of the script after each of its bytes, outside CI after some: what
// is left in incoming is a whole batch or nothing, and nothing is in the queue that was not to
// be.
func TestPutCut(t *testing.T) {
	t.Parallel()
	input := putScript + ".\ntoken\nSPOOL\nm 2 0d000001 0d0000ff\nmessage 5\nhello+00000001 3\nabcm 2 0e000001 0e0000ff\nmessage 0\n+00000001 1\nxe\nk\nc 0d000001 0e000001\n"
	at := strings.Index(input, "m 2 0d")
	for _, n := range cuts(input, at) {
		dir := newSpool(t)
		cmd := exec.Command("sh", "-c", startFiles)
		cmd.Stdin = bytes.NewReader([]byte(strings.Replace(input[:n], "SPOOL", dir, 1)))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%d: %v: %s", n, err, out)
		}
		whole := map[string]string{"0d000001/message": "hello", "0d000001/0d00000100000001": "abc", "0e000001/message": "", "0e000001/0e00000100000001": "x"}
		owner := fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())
		queued, written := map[string]string{}, map[string]string{}
		switch left := len(input) - n; {
		case left == 0:
			for path, text := range whole {
				queued[path[:2]+"/"+path] = text
			}
		case left <= len("c 0d000001 0e000001\n"):
			written = whole
		}
		sameTree(t, fmt.Sprint("queue after ", n-at), filepath.Join(dir, "queue"), owner, queued)
		sameTree(t, fmt.Sprint("incoming after ", n-at), filepath.Join(dir, "incoming"), owner, written)
	}
}

// TestReplaceCut ends the input of the script after each of its bytes, outside CI after some: each
// file has its old content or the new one, files are deleted together with their message or are
// there, and nothing is left in incoming.
func TestReplaceCut(t *testing.T) {
	t.Parallel()
	input := putScript + ".\ntoken\nSPOOL\nm 2 0f000001 0f0000ff\n0d00000100000001 3\nnew0e00000100000002 5\nnewere\nr 0f000001 0d00000100000001 0e00000100000002\nu 0e000001 0e00000100000002\n"
	at := strings.Index(input, "m 2 0f")
	for _, n := range cuts(input, at) {
		dir := newSpool(t)
		had := map[string]string{"0d000001/message": "x", "0d000001/0d00000100000001": "old", "0e000001/message": "y", "0e000001/0e00000100000002": "older"}
		queueOf(t, dir, 0, had)
		cmd := exec.Command("sh", "-c", startFiles)
		cmd.Stdin = bytes.NewReader([]byte(strings.Replace(input[:n], "SPOOL", dir, 1)))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%d: %v: %s", n, err, out)
		}
		want := map[string]string{}
		for name, text := range had {
			want[name] = fmt.Sprintf("-rw------- %d:%d %s", os.Getuid(), os.Getgid(), text)
		}
		left := len(input) - n
		if last := len("u 0e000001 0e00000100000002\n"); left <= last {
			for name := range want {
				want[name] = strings.Replace(want[name], " old", " new", 1)
			}
		}
		if left == 0 {
			delete(want, "0e000001/message")
			delete(want, "0e000001/0e00000100000002")
		}
		if got := inQueue(t, dir); !maps.Equal(got, want) {
			t.Errorf("after %d: %v, want %v", n-at, got, want)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, "incoming")); len(left) > 0 {
			t.Errorf("after %d: %v is left", n-at, left)
		}
	}
}
