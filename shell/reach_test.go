package shell

import (
	"fmt"
	"strings"
	"testing"

	"smtpctl/shell/command"
)

// TestReach has each command of which the machine of smtpd is needed say why, and is refused for
// one and for several machines with a whole sentence, before ssh is started.
func TestReach(t *testing.T) {
	t.Parallel()
	for _, c := range commandTable() {
		if local := c.Local != ""; local && c.Reach != command.NeedsFiles {
			t.Errorf("%s: Local, and it works from elsewhere", c.Pattern)
		} else if !local && c.Reach == command.NeedsFiles && !c.Screen {
			t.Errorf("%s: does not say why it works only where smtpd is", c.Pattern)
		}
		if c.Reach != command.NeedsFiles {
			continue
		}
		words := strings.NewReplacer("<selector...>", "0123456789abcdef", "<folder>", "there").Replace(c.Pattern)
		for host, on := range map[string]string{"mx1": "mx1", "mx1,mx2": "each of mx1, mx2"} {
			var errs strings.Builder
			s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: &errs, Err: &errs, Env: func(string) string { return "" }})
			s.mode = command.FromFile
			s.opts.Host = host
			err := s.Eval(t.Context(), words)
			s.Close()
			if c.Screen {
				continue // which needs a terminal first of all
			}
			if want := fmt.Sprintf(": %s: run smtpctl on %s", c.Local, on); err == nil || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("%s: %v, expected it to end with %q", words, err, want)
			}
		}
	}
}
