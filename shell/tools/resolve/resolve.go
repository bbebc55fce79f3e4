// Package resolve queries name servers. Unlike package net it ignores /etc/hosts, which
// is not what other hosts see.
package resolve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"smtpctl/protocol/safefile"
)

// Limits of a look-up.
const (
	maxServers = 3    // name servers in resolv.conf(5); further ones are ignored
	maxChain   = 8    // queries for one look-up, each after the first for an alias
	udpSize    = 1232 // bytes of an answer that fit into an unfragmented datagram
	tries      = 2    // per server
)

// ConfPath is the file that names the name servers of a system.
const ConfPath = "/etc/resolv.conf"

// ErrNoName is the error for a name that does not exist.
var ErrNoName = errors.New("no such name")

// A Client queries name servers. Its methods take names with or without a final dot, and
// never append a search domain. They return no records and no error if a name has no
// records of the type, and ErrNoName if the name does not exist. Methods can be called
// concurrently if the fields do not change.
type Client struct {
	Servers []netip.AddrPort
	Timeout time.Duration // per try and server, including the repetition by TCP
}

// System returns a client for the first three servers that resolv.conf(5) names. If it
// does not exist or names none, the client queries 127.0.0.1:53.
func System(timeout time.Duration) (*Client, error) {
	f, err := safefile.OpenLinked(ConfPath)
	if errors.Is(err, os.ErrNotExist) {
		return &Client{Servers: servers(strings.NewReader("")), Timeout: timeout}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return &Client{Servers: servers(f), Timeout: timeout}, nil
}

// servers returns the name servers of a resolv.conf, or 127.0.0.1:53 if there are none.
func servers(r io.Reader) []netip.AddrPort {
	var list []netip.AddrPort
	sc := bufio.NewScanner(r)
	for sc.Scan() && len(list) < maxServers {
		w := strings.Fields(sc.Text())
		if len(w) < 2 || w[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(w[1]); err == nil {
			list = append(list, netip.AddrPortFrom(a, 53))
		}
	}
	if len(list) == 0 {
		list = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	return list
}

// At returns a client for the server at an IP address, with or without a port; the
// default is 53.
func At(addr string, timeout time.Duration) (*Client, error) {
	server, err := netip.ParseAddrPort(addr)
	if err != nil {
		a, aerr := netip.ParseAddr(strings.Trim(addr, "[]"))
		if aerr != nil {
			return nil, errors.New("expected an address such as 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53")
		}
		server = netip.AddrPortFrom(a, 53)
	}
	return &Client{Servers: []netip.AddrPort{server}, Timeout: timeout}, nil
}

// TXT returns the TXT records of a name, each with its strings joined.
func (c *Client) TXT(ctx context.Context, name string) ([]string, error) {
	return lookup(ctx, c, name, dnsmessage.TypeTXT, func(r *dnsmessage.TXTResource) string { return strings.Join(r.TXT, "") })
}

// MX returns the mail exchangers of a name in the order of the answer, without their
// preferences and final dots. A null MX (RFC 7505) is the empty string.
func (c *Client) MX(ctx context.Context, name string) ([]string, error) {
	return lookup(ctx, c, name, dnsmessage.TypeMX, func(r *dnsmessage.MXResource) string { return strings.TrimSuffix(r.MX.String(), ".") })
}

// IPv4 returns the IPv4 addresses of a name.
func (c *Client) IPv4(ctx context.Context, name string) ([]netip.Addr, error) {
	return lookup(ctx, c, name, dnsmessage.TypeA, func(r *dnsmessage.AResource) netip.Addr { return netip.AddrFrom4(r.A) })
}

// IPv6 returns the IPv6 addresses of a name.
func (c *Client) IPv6(ctx context.Context, name string) ([]netip.Addr, error) {
	return lookup(ctx, c, name, dnsmessage.TypeAAAA, func(r *dnsmessage.AAAAResource) netip.Addr { return netip.AddrFrom16(r.AAAA) })
}

// lookup returns the records of one type, and follows aliases.
func lookup[R any, T any, P interface {
	*R
	dnsmessage.ResourceBody
}](ctx context.Context, c *Client, name string, typ dnsmessage.Type, value func(P) T) ([]T, error) {
	name = strings.TrimSuffix(name, ".") + "."
	for range maxChain {
		wire, err := dnsmessage.NewName(name)
		if err != nil {
			return nil, fmt.Errorf("%q is not a valid name: %w", name, err)
		}
		m, err := c.ask(ctx, dnsmessage.Question{Name: wire, Type: typ, Class: dnsmessage.ClassINET})
		if err != nil {
			return nil, err
		}
		end, ok := follow(m, name)
		if !ok {
			break
		}
		var found []T
		for _, a := range m.Answers {
			if body, ok := a.Body.(P); ok && strings.EqualFold(a.Header.Name.String(), end) {
				found = append(found, value(body))
			}
		}
		switch {
		case len(found) > 0:
			return found, nil
		case m.RCode == dnsmessage.RCodeNameError:
			return nil, ErrNoName
		case strings.EqualFold(end, name):
			return nil, nil
		}
		name = end
	}
	return nil, errors.New("too many aliases")
}

// follow returns the end of the chain of aliases that an answer has for a name, or false
// if the aliases form a loop.
func follow(m *dnsmessage.Message, name string) (string, bool) {
	for range len(m.Answers) + 1 {
		next := ""
		for _, a := range m.Answers {
			if alias, ok := a.Body.(*dnsmessage.CNAMEResource); ok && strings.EqualFold(a.Header.Name.String(), name) {
				next = alias.CNAME.String()
			}
		}
		if next == "" {
			return name, true
		}
		name = next
	}
	return "", false
}

// ask queries one server after another until one gives a usable answer.
func (c *Client) ask(ctx context.Context, q dnsmessage.Question) (*dnsmessage.Message, error) {
	var last error
	for range tries {
		for _, server := range c.Servers {
			m, err := c.askOne(ctx, server, q)
			if err == nil {
				return m, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			last = err
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var timeout net.Error
	if errors.As(last, &timeout) && timeout.Timeout() {
		last = errors.New("the name server does not answer")
	}
	return nil, last
}

// askOne queries one server by UDP, again without EDNS if the server does not support it, and
// then by TCP if the answer does not fit into a datagram.
func (c *Client) askOne(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (*dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	edns := true
	m, err := exchange(ctx, "udp", server, q, edns)
	if err == nil && (m.RCode == dnsmessage.RCodeFormatError || m.RCode == dnsmessage.RCodeNotImplemented) {
		edns = false
		m, err = exchange(ctx, "udp", server, q, edns)
	}
	if err == nil && m.Truncated {
		m, err = exchange(ctx, "tcp", server, q, edns)
	}
	if err != nil {
		return nil, err
	}
	switch m.RCode {
	case dnsmessage.RCodeSuccess, dnsmessage.RCodeNameError:
		return m, nil
	case dnsmessage.RCodeServerFailure:
		return nil, errors.New("the name server failed")
	case dnsmessage.RCodeRefused:
		return nil, errors.New("the name server refused the query")
	}
	return nil, fmt.Errorf("the name server answered with an error, %d", m.RCode)
}
