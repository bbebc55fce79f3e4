package protocol_test

import (
	"bytes"
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

var capture = flag.String("capture", "", "record what the real smtpd answers under testdata/frames/`RELEASE`")

// A recorder keeps what is read from a connection.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	read bytes.Buffer
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	r.read.Write(p[:n])
	r.mu.Unlock()
	return n, err
}

// TestCapture records the answers of a real smtpd, one file a request.
func TestCapture(t *testing.T) {
	if *capture == "" {
		t.Skip("records only when asked to: see just capture")
	}
	d := realsmtpd.Start(t, realsmtpd.Config{})
	d.Send(realsmtpd.Mail{From: "a@x.example", To: []string{"b@temp.example", "c@slow.example"}},
		realsmtpd.Mail{From: "", To: []string{"d@temp.example"}})
	d.WaitQueued(3)
	dir := filepath.Join("testdata", "frames", *capture)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lines := func(r protocol.Report) func(*protocol.Conn) {
		return func(c *protocol.Conn) {
			for range c.Lines(ctx, r) {
			}
		}
	}
	for name, ask := range map[string]func(*protocol.Conn){
		"status": func(c *protocol.Conn) { c.Status(ctx) },
		"digest": func(c *protocol.Conn) { c.Digest(ctx) },
		"stats": func(c *protocol.Conn) {
			for range c.Stats(ctx) {
			}
		},
		"queue": func(c *protocol.Conn) {
			for range c.Envelopes(ctx) {
			}
		},
		"pause-twice": func(c *protocol.Conn) { c.Pause(ctx, protocol.MDA); c.Pause(ctx, protocol.MDA) },
		"hosts":       lines(protocol.Hosts),
		"relays":      lines(protocol.Relays),
		"routes":      lines(protocol.Routes),
		"hoststats":   lines(protocol.HostStats),
		"block": func(c *protocol.Conn) {
			c.PauseMTAFor(ctx, netip.MustParseAddr("192.0.2.1"), "x.example")
			lines(protocol.PausedRoutes)(c)
		},
		"discover": func(c *protocol.Conn) { c.DiscoverMessage(ctx, 0x12345678) },
		"table":    func(c *protocol.Conn) { c.UpdateTable(ctx, "nosuchtable") },
	} {
		nc, err := net.Dial("unix", d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		r := &recorder{Conn: nc}
		c := protocol.NewConn(r, protocol.Options{})
		ask(c)
		if err := c.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
		if err := os.WriteFile(filepath.Join(dir, name+".bin"), r.read.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
