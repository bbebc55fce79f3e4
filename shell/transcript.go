package shell

import (
	"regexp"
	"sync"
)

// pasted is what stands before a command in a line that was copied from a terminal or a
// manual: the prompt of a shell, also of root, and the name of this program, or the
// prompt of this program. A # alone begins a comment.
var pasted = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?:` +
		`(?:([^\s'"|;>=]+)\s)?smtpctl(?:\s\[[^\]]*\])?>(?:\s+|$)` + // mx1 smtpctl [read-only]> show queue
		`|(?:\S*[$#%]\s+)?(?:(?:sudo|doas)\s+)?(?:/\S*/)?smtpctl(?:\s+|$)` + // root@mx1:~# smtpctl show queue
		`|\$\s+)`) // $ show queue
})

// withoutPrompt returns a line that was typed at the prompt without what is only pasted
// along with it. The name of a host before the prompt is none of a command.
func (s *Session) withoutPrompt(line string) string {
	for {
		at := pasted().FindStringSubmatchIndex(line)
		if at == nil || at[1] == 0 {
			return line
		}
		if at[2] >= 0 {
			if _, err := s.tree.Next([]string{line[at[2]:at[3]]}); err == nil {
				return line
			}
		}
		line = line[at[1]:]
	}
}
