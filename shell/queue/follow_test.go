package queue

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// TestFollowCompares compares listings: what came, was tried and left, each once.
func TestFollowCompares(t *testing.T) {
	var out strings.Builder
	opts := command.DefaultOptions()
	c := &command.Call{Opts: opts, Env: command.Env{Out: command.NewOutput(&out, false, render.Style{}), Err: io.Discard,
		Getenv: func(string) string { return "" }, Screen: func() (int, int) { return 0, 0 }}}
	f := &follower{c: c, known: map[protocol.EnvelopeID]*followed{}}
	f.makeLines()
	mail := func(n, tries int) protocol.Envelope {
		return protocol.Envelope{ID: protocol.EnvelopeID(n), Retry: tries, Flags: protocol.FlagPending}
	}
	for i, look := range []struct {
		list []protocol.Envelope
		want []string
	}{
		{[]protocol.Envelope{mail(1, 0), mail(2, 0)}, []string{"came 1", "came 2"}},
		{[]protocol.Envelope{mail(1, 0), mail(2, 1), mail(3, 0)}, []string{"tried 2", "came 3"}},
		{[]protocol.Envelope{mail(1, 0), mail(2, 1), mail(3, 0)}, nil},
		{[]protocol.Envelope{mail(3, 1)}, []string{"tried 3", "left 1", "left 2"}},
		{nil, []string{"left 3"}},
	} {
		f.looks++
		out.Reset()
		for _, print := range f.compare(look.list, 100) {
			if err := print(); err != nil {
				t.Fatal(err)
			}
		}
		c.Out.Flush()
		var got []string
		for line := range strings.Lines(out.String()) {
			fields := strings.Split(line, "|")
			var id int
			fmt.Sscanf(fields[2], "%x", &id)
			got = append(got, fmt.Sprint(fields[1], " ", id))
		}
		if !slices.Equal(got, look.want) {
			t.Errorf("look %d: %q, want %q", i, got, look.want)
		}
		if len(f.known) != len(look.list) {
			t.Errorf("look %d: %d envelopes are held", i, len(f.known))
		}
	}
}
