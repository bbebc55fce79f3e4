package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestPromptAsks gives every action at the prompt, by every way to name envelopes,
// one envelope more than is done unasked and just as many: the first asks, and a no
// sends nothing.
func TestPromptAsks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		verb    string
		kind    protocol.Type
		unasked int
		flags   protocol.Flags
	}{
		{"remove", protocol.TypeRemove, 1, protocol.FlagPending}, {"schedule", protocol.TypeSchedule, 5, protocol.FlagPending},
		{"pause envelope", protocol.TypePauseEnvelope, 5, protocol.FlagPending},
		{"resume envelope", protocol.TypeResumeEnvelope, 5, protocol.FlagPending | protocol.FlagSuspend},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tt.verb, many), func(t *testing.T) {
				t.Parallel()
				n := tt.unasked
				if many {
					n++
				}
				var ids []string
				s, path := simtest.Start(t, smtpdsim.Config{})
				for i := range n {
					id := protocol.EnvelopeID(0xabcd0001<<32 | uint64(i+1))
					ids = append(ids, id.String())
					s.Add(smtpdsim.Envelope{ID: id, Flags: tt.flags, Time: time.Now().Unix() + 9999,
						Text: "version: 3\ntype: mta\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\n"})
				}
				x := openTerminal(t, "--socket", path)
				x.expect(promptRE)
				all := []string{"all", "abcd0001", "from=a@*", strings.Join(ids, " ")}
				if !many {
					all = all[:1]
				}
				for _, words := range all {
					x.paste(tt.verb + " " + words + "\r")
					if !many {
						x.expect(fmt.Sprintf(`%d envelopes? (?:remov|schedul|paus|resum)ed(?s).*`, n) + promptRE)
						continue
					}
					x.expect(fmt.Sprintf(`%s: %d envelopes(?s).*%s them\? \[y/N\] $`, tt.verb, n, tt.verb))
					x.keys("n\r")
					x.expect(`not confirmed, nothing done(?s).*` + promptRE)
					if got := s.Requests(tt.kind); got != 0 {
						t.Fatalf("%s %s: %d requests without a yes", tt.verb, words, got)
					}
				}
				if many {
					x.paste(tt.verb + " all -y\r")
					x.expect(fmt.Sprintf(`%d envelopes (?:remov|schedul|paus|resum)ed(?s).*`, n) + promptRE)
				}
				x.keys("exit\r")
				x.ended(0)
			})
		}
	}
}

// TestPromptAsksDiscover puts more envelopes of a message on disk than are taken up
// unasked.
func TestPromptAsksDiscover(t *testing.T) {
	t.Parallel()
	s, path := simtest.Start(t, smtpdsim.Config{})
	spool := t.TempDir()
	dir := filepath.Join(spool, "queue", "ab", "abcd0001")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const text = "version: 3\ndispatcher: relay\ntype: mta\nsmtpname: mx.example\nhelo: client.example\nhostname: client.example\n" +
		"sockaddr: local\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: 1\nlast-try: 0\nretry: 0\n"
	if err := os.WriteFile(filepath.Join(dir, "message"), []byte("Subject: x\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("abcd0001%08x", i+1)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	x := openTerminal(t, "--socket", path, "--spool", spool)
	x.expect(promptRE)
	x.keys("discover abcd0001\r")
	x.expect(`discover message abcd0001, which has 6 envelopes on disk\? \[y/N\] $`)
	x.keys("n\r")
	x.expect(`not confirmed, nothing done(?s).*` + promptRE)
	if got := s.Requests(protocol.TypeDiscoverMessage); got != 0 {
		t.Errorf("%d requests without a yes", got)
	}
	x.keys("discover abcd0001 -y\r")
	x.expect(`discovered(?s).*` + promptRE)
	if got := s.Requests(protocol.TypeDiscoverMessage); got != 1 {
		t.Errorf("%d requests after -y", got)
	}
}

// TestPromptTypedAhead types a yes before the question is shown: it is no answer.
func TestPromptTypedAhead(t *testing.T) {
	t.Parallel()
	answers := make(chan bool) // is closed when smtpd may answer
	s, path := simtest.Start(t, smtpdsim.Config{Messages: 20, Seed: 1, Tamper: func() func(int, []byte) []byte {
		return func(_ int, raw []byte) []byte {
			<-answers
			return raw
		}
	}})
	x := openTerminal(t, "--socket", path)
	x.expect(promptRE)
	x.keys("remove from=*\r")
	for deadline := time.Now().Add(patience); !reflect.DeepEqual(x.settings(), x.before); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command does not begin")
		}
	}
	x.paste("y\r")
	x.expect("y\r?\n")
	close(answers)
	x.expect(`what was typed before this question is dropped(?s).*remove them\? \[y/N\] $`)
	x.keys("\r")
	x.expect(`not confirmed, nothing done`)
	if n := s.Requests(protocol.TypeRemove); n != 0 {
		t.Errorf("%d removed without a yes to the question", n)
	}
}
