package remote

import (
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
)

// counted counts what is asked of a machine: each takes a round trip, and one more where a
// shell has to be started.
type counted struct {
	*Files
	n int
}

func (c *counted) Names(root string, paths []string, take func(int, []string, bool, error) error) error {
	c.n++
	return c.Files.Names(root, paths, take)
}

func (c *counted) Read(root string, paths []string, most int, take func(int, []byte, safefile.Info, error) error) error {
	c.n++
	return c.Files.Read(root, paths, most, take)
}

func (c *counted) Open(root, path string, from int64) (io.ReadCloser, safefile.Info, error) {
	c.n++
	return c.Files.Open(root, path, from)
}

func (c *counted) Stat(follow bool, paths []string, take func(int, safefile.Info, error) error) error {
	c.n++
	return c.Files.Stat(follow, paths, take)
}

// TestFilesTrips reads the names of 1,000 messages, outside CI of fewer, and the messages, in few
// round trips, on a line of which one takes 100 ms.
func TestFilesTrips(t *testing.T) {
	t.Parallel()
	srv, f := reach(t, "")
	dir := filepath.Join(srv.Dir, "spool")
	messages := fulltest.Of(1000, spool.AheadMost+1)
	ids := fillSpool(t, dir, messages)
	const trip = 100 * time.Millisecond
	srv.Slow(trip)
	files := &counted{Files: connect(t, f, 20*time.Second)}
	sp := spool.OpenFar(files, dir, nil)
	began := time.Now()
	n := 0
	for _, err := range sp.IDs() {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	walked := time.Since(began)
	var msgs []protocol.MessageID
	for _, id := range ids {
		msgs = append(msgs, id.Msg())
	}
	began = time.Now()
	read := 0
	for some := range slices.Chunk(msgs, spool.AheadMost) {
		sp.AheadMessages(some, 32<<10)
		for _, msg := range some {
			var b bytes.Buffer
			if err := sp.CopyMessage(&b, msg); err != nil {
				t.Fatal(err)
			}
			read++
		}
	}
	took := time.Since(began)
	t.Logf("%d folders in %v, as many files in %v, asked %d times, with %v for a round trip", messages, walked, took, files.n, trip)
	if n != messages || read != messages || files.n > 4+(messages+spool.AheadMost-1)/spool.AheadMost {
		t.Errorf("%d names, %d files, asked %d times", n, read, files.n)
	}
}
