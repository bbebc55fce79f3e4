package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// unlisted returns what the smtpd at a socket does not list of a spool, and the connection.
func unlisted(t *testing.T, socket, dir string) (conn *protocol.Conn, ids []protocol.EnvelopeID, err error) {
	t.Helper()
	conn, err = protocol.Dial(t.Context(), socket, protocol.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &command.Call{Opts: command.Options{Socket: socket, Spool: dir}}
	c.Env.Getenv = func(string) string { return "" }
	ids, err = UnlistedOf(t.Context(), c, conn, DeepStatus)
	return conn, ids, err
}

// TestUnlistedOfFew compares a queue of two messages with two envelopes each, of which each is
// on disk or not and listed or not: 256 cases. What is asked of smtpd at once and what is
// asked message by message finds the same, and the first takes one kind of request.
func TestUnlistedOfFew(t *testing.T) {
	t.Parallel()
	ids := []protocol.EnvelopeID{0xaa000001_00000003, 0xaa000001_00000004, 0xaa000002_00000001, 0xaa000002_ffffffff}
	for state := range 1 << (2 * len(ids)) {
		if !fulltest.Takes(state, 5) {
			continue
		}
		t.Run(fmt.Sprintf("%08b", state), func(t *testing.T) {
			t.Parallel()
			sim, socket := simtest.Start(t, smtpdsim.Config{})
			dir := t.TempDir()
			sp := spool.Open(dir)
			os.MkdirAll(sp.Queue(), 0o700)
			var want []protocol.EnvelopeID
			for i, id := range ids {
				there, listed := state&(1<<(2*i)) != 0, state&(2<<(2*i)) != 0
				if there {
					os.MkdirAll(sp.MessageDir(id.Msg()), 0o700)
					os.WriteFile(sp.EnvelopePath(id), nil, 0o600)
				}
				if listed {
					sim.Add(smtpdsim.Envelope{ID: id})
				}
				if there && !listed {
					want = append(want, id)
				}
			}
			conn, got, err := unlisted(t, socket, dir)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v, want %v, %v", got, want, err)
			}
			if asked := sim.Requests(protocol.TypeListMessages); asked != 0 {
				t.Errorf("%d requests for messages", asked)
			}
			// Where every file is listed there is one request for each message.
			if asked, most := sim.Requests(protocol.TypeListEnvelopes), foldersIn(t, sp); len(want) == 0 && asked > most {
				t.Errorf("%d requests for envelopes, want %d at most", asked, most)
			}
			folder, err := sp.Messages(10)
			if err != nil {
				t.Fatal(err)
			}
			many, err := unlistedOfMany(t.Context(), sp, conn, folder, DeepStatus)
			slices.Sort(many)
			if err != nil || !slices.Equal(many, want) {
				t.Errorf("message by message: %v, want %v, %v", many, want, err)
			}
		})
	}
}

// foldersIn counts the folders of messages.
func foldersIn(t *testing.T, sp *spool.Spool) int {
	t.Helper()
	all, err := filepath.Glob(sp.Queue() + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestUnlistedOfManyAsked looks at more messages than smtpd is asked about at once: it is asked
// first which of them it lists.
func TestUnlistedOfManyAsked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{fewMessages, fewMessages + 1} {
		sim, socket := simtest.Start(t, smtpdsim.Config{})
		dir := t.TempDir()
		sp := spool.Open(dir)
		for i := range n {
			id := protocol.MessageID(i+1).First() + 1
			os.MkdirAll(sp.MessageDir(id.Msg()), 0o700)
			os.WriteFile(sp.EnvelopePath(id), nil, 0o600)
		}
		_, got, err := unlisted(t, socket, dir)
		if err != nil || len(got) != n {
			t.Errorf("%d of %d found, %v", len(got), n, err)
		}
		if asked := sim.Requests(protocol.TypeListMessages) > 0; asked != (n > fewMessages) {
			t.Errorf("%d messages: asked which are listed: %v", n, asked)
		}
	}
}
