package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// specials are texts with a meaning in bash, zsh, fish or this program: among them
// each character at which bash breaks words.
var specials = []string{
	" ", "\t", "\"", "'", ">", "<", "=", ";", "|", "&", "(", ")", ":", "@", "*", "?", "~", "\\", "!", "#", "$(touch pwned)", "`touch pwned`", "$HOME",
	"{a,b}", "[a-z]", ",", "%", "^", "\x1b[2J", "\x07", "\xff", "ä", "\u202e", "\u2003", "\u0085", "\\x41",
}

// specialSender is the sender in the mail with number i.
func specialSender(i int) string { return fmt.Sprintf("u%02d%sx@d.example", i, specials[i]) }

// specialQueue simulates a queue with one mail for each of the specials, and one
// whose sender differs from that just where a wildcard would take it.
func specialQueue(t *testing.T) (socket string) {
	s, path := simtest.Start(t, smtpdsim.Config{})
	for i := range specials {
		id := protocol.EnvelopeID(0x1000000000000001 + uint64(i)<<32)
		text := "version: 3\ntype: mta\nsender: %s\nrcpt: r@y.example\ndest: r@y.example\nctime: 1\n"
		s.Add(smtpdsim.Envelope{ID: id, Text: fmt.Sprintf(text, specialSender(i))})
		s.Add(smtpdsim.Envelope{ID: id + 0x1000000000000000, Text: fmt.Sprintf(text, fmt.Sprintf("v%02d%syx@d.example", i, specials[i]))})
	}
	return path
}

// TestCompletionSelects completes senders that hold what has a meaning in shells
// or in this program, in words that begin without a quote and with each. What has
// been completed selects the mail of that sender and no other.
func TestCompletionSelects(t *testing.T) {
	socket := specialQueue(t)
	full := fulltest.On() // else one way to quote for each
	for k, tt := range completionShells {
		t.Run(tt.shell, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			out := dir + "/out"
			x := completionShell(t, tt.shell, tt.args, tt.load, "OUT="+out)
			script := "#!/bin/sh\nprintf '%s\\0' \"$@\" >$OUT.new\nmv $OUT.new $OUT\n"
			if err := os.WriteFile(dir+"/args", []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			for i, special := range specials {
				if k > 0 && !fulltest.Takes(i+k, 2) {
					continue // bash alone breaks words at some of them
				}
				for q, quote := range []string{"", "'", `"`} {
					if !full && q != (i+k)%3 {
						continue
					}
					typed := fmt.Sprintf("%sfrom=u%02d", quote, i)
					if quote == "'" && strings.Contains("<>=;|&(:@) #,", special) {
						typed += special // goes on behind a character at which bash breaks words
					}
					if quote == "" && strings.Contains("=:@", special) {
						typed += special + "x@d"
					}
					os.Remove(out)
					x.paste("\x15smtpctl --socket " + socket + " show queue " + typed)
					x.paste("\t")
					x.paste("\x01" + dir + "/args \r")
					var words []string
					for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
						if b, err := os.ReadFile(out); err == nil {
							words = strings.Split(string(b), "\x00")
							break
						}
						if time.Now().After(deadline) {
							x.keys("\x03\x03")
							break
						}
					}
					if len(words) != 7 {
						t.Errorf("%s: completed to %q", typed, words)
						continue
					}
					r := run(t, "--socket", socket, "show", "queue", words[5])
					if want := fmt.Sprintf("%016x|", 0x1000000000000001+uint64(i)<<32); r.status != 0 || !strings.HasPrefix(r.stdout, want) || strings.Count(r.stdout, "\n") != 1 {
						t.Errorf("%s: completed to %q, which selects %v", typed, words[5], r)
					}
				}
			}
			x.keys("\x15exit\r")
			<-x.done
			if _, err := os.Stat(x.cmd.Dir + "/pwned"); err == nil {
				t.Error("a command ran that was in the name of a sender")
			}
		})
	}
}
