package shell

import (
	"strings"
	"testing"
)

// TestHelpRestart finds in the help of every command that pauses or resumes what a
// restart of smtpd does to it.
func TestHelpRestart(t *testing.T) {
	t.Parallel()
	for _, c := range commandTable() {
		words := strings.Fields(c.Pattern)
		if (words[0] == "pause" || words[0] == "resume") && words[1] != "route" && !strings.Contains(c.Help, "restart") {
			t.Errorf("the help of %s does not say what a restart of smtpd forgets", c.Pattern)
		}
	}
}
