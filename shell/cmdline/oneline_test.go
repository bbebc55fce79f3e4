package cmdline

import "testing"

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"show queue\n":    "show queue",
		"":                "",
		"\n\n# nothing\n": "",
		"show queue\r\n":  "show queue",
		"show queue \\\n  from=a # why\n\nshow status": "show queue   from=a; show status",
		"# first\nshow 'a b'\n":                        "show 'a b'",
		"show status\nshow queue | grep x":             "show status; show queue | grep x",
		"sh\\\now status":                              "show status",
	} {
		if got, err := OneLine(text); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"show 'a\nb'":                         "line 1: a quote is open at its end: close it, a line at the prompt holds no line ends",
		"show \\\n":                           "line 1: it ends with a backslash, and nothing follows",
		"show queue |\nshow status":           "line 2: line 1 has a |, after which all is for sh: make it the last",
		"# x\nshow queue | cat\n\nremove all": "line 4: line 2 has a |, after which all is for sh: make it the last",
	} {
		if got, err := OneLine(text); err == nil || err.Error() != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}
