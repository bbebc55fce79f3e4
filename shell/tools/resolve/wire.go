package resolve

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// exchange sends a query and returns the answer to it. It gives up when ctx ends.
func exchange(ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question, edns bool) (*dnsmessage.Message, error) {
	id := uint16(rand.Uint32())
	query, err := pack(id, q, edns)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server.String())
	if err != nil {
		return nil, plainly(ctx, err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	send, receive := sendUDP, receiveUDP
	if network == "tcp" {
		send, receive = sendTCP, receiveTCP
	}
	if err := send(conn, query); err != nil {
		return nil, plainly(ctx, err)
	}
	for {
		raw, err := receive(conn)
		if err != nil {
			return nil, plainly(ctx, err)
		}
		var m dnsmessage.Message
		// Anybody can send a datagram: those that do not answer this query are ignored.
		if err := m.Unpack(raw); err == nil && answers(&m, id, q) {
			return &m, nil
		} else if network == "tcp" {
			return nil, errors.New("the name server sent something that is not a DNS answer")
		}
	}
}

// plainly shortens the error of an exchange.
func plainly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var op *net.OpError
	if errors.As(err, &op) && !op.Timeout() {
		return fmt.Errorf("the name server at %v: %w", op.Addr, op.Err)
	}
	return err
}

// answers reports whether m is the answer to the query with an id and a question.
func answers(m *dnsmessage.Message, id uint16, q dnsmessage.Question) bool {
	if !m.Response || m.ID != id {
		return false
	}
	if len(m.Questions) == 0 { // some servers omit the question from errors
		return m.RCode != dnsmessage.RCodeSuccess && m.RCode != dnsmessage.RCodeNameError
	}
	got := m.Questions[0]
	return got.Type == q.Type && got.Class == q.Class && strings.EqualFold(got.Name.String(), q.Name.String())
}

// pack returns a query in wire format.
func pack(id uint16, q dnsmessage.Question, edns bool) ([]byte, error) {
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), dnsmessage.Header{ID: id, RecursionDesired: true})
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	if edns {
		if err := b.StartAdditionals(); err != nil {
			return nil, err
		}
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(udpSize, dnsmessage.RCodeSuccess, false); err != nil {
			return nil, err
		}
		if err := b.OPTResource(h, dnsmessage.OPTResource{}); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}

func sendUDP(conn net.Conn, query []byte) error {
	_, err := conn.Write(query)
	return err
}

func receiveUDP(conn net.Conn) ([]byte, error) {
	buf := make([]byte, 64<<10)
	n, err := conn.Read(buf)
	return buf[:n], err
}

func sendTCP(conn net.Conn, query []byte) error {
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...))
	return err
}

func receiveTCP(conn net.Conn) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}
