package cmdline

import (
	"strconv"
	"strings"

	"smtpctl/shell/command"
)

// everyOf takes a flag with a number of seconds off the words after that of a command: -n 5
// or -n5. Without such a number the flag is an error: elsewhere it means something else,
// which whoever wrote it may have meant.
func everyOf(word, flag string, words []string) (seconds, rest []string, err error) {
	if len(words) == 0 || !strings.HasPrefix(words[0], flag) {
		return nil, words, nil
	}
	value, rest := strings.TrimPrefix(words[0], flag), words[1:]
	if value == "" && len(rest) > 0 {
		value, rest = rest[0], rest[1:]
	}
	value = strings.TrimPrefix(value, "=")
	if _, err := strconv.ParseFloat(value, 64); err != nil {
		return nil, nil, command.Usagef("%s %s %q: expected a number of seconds after %s, and then a command: %s %s 5 show queue; nothing done",
			word, flag, value, flag, word, flag)
	}
	return []string{value}, rest, nil
}
