// Package resolve asks name servers. Unlike package net it looks nowhere else:
// what /etc/hosts says of this machine is not what others see.
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
	maxServers = 3    // of resolv.conf, as resolv.conf(5) has it
	maxChain   = 8    // aliases followed by asking again
	udpSize    = 1232 // bytes of an answer that fit into one datagram everywhere
	tries      = 2    // of each server
)

// ConfPath is the file that names the name servers of a system.
const ConfPath = "/etc/resolv.conf"

// ErrNoName is wrapped by the errors of names that do not exist.
var ErrNoName = errors.New("no such name")

// A Client asks name servers. Its methods take names with or without a last dot,
// which are never completed. They return nothing and no error if a name has no
// such records, and an error that wraps ErrNoName if there is no such name.
type Client struct {
	Servers []netip.AddrPort
	Timeout time.Duration // for one try of one server
}

// System returns a client for the servers that resolv.conf(5) names.
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

// servers reads the name servers out of a resolv.conf.
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

// At returns a client for the server at an address, with or without a port.
func At(addr string, timeout time.Duration) (*Client, error) {
	server, err := netip.ParseAddrPort(addr)
	if err != nil {
		a, aerr := netip.ParseAddr(strings.Trim(addr, "[]"))
		if aerr != nil {
			return nil, errors.New("want an address such as 192.0.2.1, 192.0.2.1:53 or [2001:db8::1]:53")
		}
		server = netip.AddrPortFrom(a, 53)
	}
	return &Client{Servers: []netip.AddrPort{server}, Timeout: timeout}, nil
}

// TXT returns the texts of a name, the strings of each joined.
func (c *Client) TXT(ctx context.Context, name string) ([]string, error) {
	return lookup(ctx, c, name, dnsmessage.TypeTXT, func(r *dnsmessage.TXTResource) string { return strings.Join(r.TXT, "") })
}

// MX returns the mail exchangers of a name, without their last dot: a null MX is
// the empty string.
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

// lookup asks for the records of one type, following aliases.
func lookup[R any, T any, P interface {
	*R
	dnsmessage.ResourceBody
}](ctx context.Context, c *Client, name string, typ dnsmessage.Type, value func(P) T) ([]T, error) {
	name = strings.TrimSuffix(name, ".") + "."
	for range maxChain {
		wire, err := dnsmessage.NewName(name)
		if err != nil {
			return nil, fmt.Errorf("%q is no name: %w", name, err)
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

// follow returns what a name is an alias of, as far as the answer says, and false
// if that goes round in a circle.
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

// ask puts a question to one server after another until one knows.
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

// askOne asks one server, by TCP if the answer is too large for a datagram, and
// once more in the old way if it does not know EDNS.
func (c *Client) askOne(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (*dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	m, err := exchange(ctx, "udp", server, q, true)
	if err == nil && (m.RCode == dnsmessage.RCodeFormatError || m.RCode == dnsmessage.RCodeNotImplemented) {
		m, err = exchange(ctx, "udp", server, q, false)
	}
	if err == nil && m.Truncated {
		m, err = exchange(ctx, "tcp", server, q, true)
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
		return nil, errors.New("the name server refused the question")
	}
	return nil, fmt.Errorf("the name server answered with an error, %d", m.RCode)
}
