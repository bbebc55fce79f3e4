package queue

import (
	"strings"
	"testing"

	"smtpctl/shell/command"
)

// TestLongestLine reads the longest line, and refuses one that is longer by a byte.
func TestLongestLine(t *testing.T) {
	for n, ok := range map[int]bool{maxStdinLine: true, maxStdinLine + 1: false} {
		c := &command.Call{Opts: command.DefaultOptions(), Env: command.Env{
			In: strings.NewReader("#" + strings.Repeat("x", n-1) + "\nabcd0001\n"),
		}}
		if err := readIDs(c, &target{}); (err == nil) != ok {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
