package main

import (
	"fmt"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// TestPromptLastListing lists, has mail come and go, and acts on what was listed: from
// the listing, and from the marks of browse. It does so in terminals of two sizes.
func TestPromptLastListing(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {132, 43}} {
		s, path := simtest.Start(t, smtpdsim.Config{})
		add := func(n int) {
			s.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(0xabcd0000+n)<<32 | 1, Time: time.Now().Unix() + 9999, Text: fmt.Sprintf(
				"version: 3\ntype: mta\nsender: s@spam.example\nrcpt: u%d@y.example\ndest: u%d@y.example\nctime: %d\n", n, n, time.Now().Unix())})
		}
		for n := range 5 {
			add(n)
		}
		x := openTerminalIn(t, t.TempDir(), []string{"PAGER=cat"}, "--socket", path)
		x.resize(size[0], size[1])
		x.expect(promptRE)
		x.run("remove _", "nothing was listed in this session")
		x.run("show queue from=@spam.example limit=4", "abcd000300000001")
		add(7)
		x.run("remove abcd000000000001", "1 envelope removed")
		x.keys("pause envelope _ \x7f\r")
		x.expect(`3 envelopes paused(?s).*1 envelope of the last listing, show queue.*` + promptRE)
		x.keys("remove _\r")
		x.expect(`remove: 3 envelopes(?s).*\[y/N\] `)
		x.keys("y\r")
		x.expect(`3 envelopes removed(?s).*` + promptRE)
		x.keys("browse\r")
		x.glassShows(`2 envelopes, `)
		x.keys(" q")
		x.expect(`_ stands for 1 envelope that was marked(?s).*` + promptRE)
		add(8)
		x.run("show queue _", "1 row|abcd000400000001")
		x.run("schedule _", "1 envelope scheduled")
		x.keys("exit\r")
		x.ended(0)
		if n := len(s.Envelopes()); n != 3 {
			t.Errorf("%d envelopes are left, want 3", n)
		}
	}
}
