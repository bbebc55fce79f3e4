package smtpdsim

import (
	"io"
	"net"
	"testing"
	"time"
)

// A lateListener accepts one connection, as if Close had come just before, and then
// fails as one does that is closed.
type lateListener struct{ conns chan net.Conn }

func (l lateListener) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l lateListener) Close() error   { return nil }
func (l lateListener) Addr() net.Addr { return &net.UnixAddr{} }

// TestCloseWhileConnecting accepts a connection when the simulation has ended: it is
// closed at once, for nobody would end it.
func TestCloseWhileConnecting(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	ln := lateListener{make(chan net.Conn, 1)}
	ln.conns <- server
	close(ln.conns)
	s := &Server{ln: ln, stop: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.wg.Add(1)
	close(s.stop)
	go s.accept()
	client.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := client.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the connection is still open: %v", err)
	}
	s.wg.Wait()
}
