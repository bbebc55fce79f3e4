package smtpdsim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol"
)

// rejected is the domain whose recipients the simulated rules reject.
const rejected = "rejected.example"

// handOver answers a request for an SMTP session with a descriptor, or with FAIL while
// smtp is paused. c is the connection, or the wrapper that damages it.
func (s *Server) handOver(raw, c net.Conn, refused bool) error {
	answer := protocol.Frame{Type: protocol.TypeOK}
	if refused {
		answer.Type = protocol.TypeFail
	}
	b, err := s.layout.AppendFrame(nil, answer)
	if err != nil {
		return err
	}
	uc, ok := raw.(*net.UnixConn)
	if refused || !ok || c != raw {
		_, err := c.Write(b)
		return err
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "smtp"), os.NewFile(uintptr(fds[1]), "smtp")
	defer ours.Close()
	defer theirs.Close()
	session, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conns[session] = true
	s.mu.Unlock()
	s.wg.Go(func() {
		defer func() {
			session.Close()
			s.mu.Lock()
			delete(s.conns, session)
			s.mu.Unlock()
		}()
		s.serveSMTP(session)
	})
	_, _, err = uc.WriteMsgUnix(b, unix.UnixRights(fds[1]), nil)
	return err
}

// A transaction is a mail that is being received.
type transaction struct {
	helo, from string
	ret, envid string
	to         []recipient
}

// A recipient is one recipient of a transaction, with the options of RCPT.
type recipient struct {
	addr, orcpt string
	notify      int
}

// serveSMTP speaks the part of SMTP that sendmail(8) uses with smtpd.
func (s *Server) serveSMTP(c net.Conn) {
	tp := textproto.NewConn(c)
	say := func(format string, args ...any) { tp.PrintfLine(format, args...) }
	say("220 mx.example ESMTP OpenSMTPD")
	var tx transaction
	for {
		line, err := tp.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch verb = strings.ToUpper(verb); verb {
		case "EHLO":
			tx.helo = rest
			say("250-mx.example Hello\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-SIZE 36700160\r\n250-DSN\r\n250 HELP")
		case "MAIL":
			tx = transaction{helo: tx.helo}
			var options []string
			tx.from, options = addressIn(rest)
			for _, o := range options {
				switch k, v, _ := strings.Cut(o, "="); k {
				case "RET":
					tx.ret = v
				case "ENVID":
					tx.envid = v
				}
			}
			say("250 2.0.0 Ok")
		case "RCPT":
			r := recipient{}
			var options []string
			r.addr, options = addressIn(rest)
			for _, o := range options {
				switch k, v, _ := strings.Cut(o, "="); k {
				case "NOTIFY":
					for word := range strings.SplitSeq(v, ",") {
						if i := slices.Index(protocol.NotifyWords[:], word); i >= 0 {
							r.notify |= 1 << i
						}
					}
				case "ORCPT":
					r.orcpt = v
				}
			}
			if strings.HasSuffix(r.addr, "@"+rejected) {
				say("550 Invalid recipient: <%s>", r.addr)
				continue
			}
			tx.to = append(tx.to, r)
			say("250 2.1.5 Destination address valid: Recipient ok")
		case "DATA":
			if len(tx.to) == 0 {
				say("503 5.5.1 Invalid command: Command not allowed at this point.")
				continue
			}
			say("354 Enter mail, end with \".\" on a line by itself")
			body, err := tp.ReadDotBytes()
			if err != nil {
				return
			}
			say("250 2.0.0 %v Message accepted for delivery", s.accepted(&tx, body))
			tx = transaction{helo: tx.helo}
		case "RSET":
			tx = transaction{helo: tx.helo}
			say("250 2.0.0 Reset state")
		case "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("500 5.5.1 Invalid command: Command unrecognized")
		}
	}
}

// addressIn returns the address in FROM:<a> or TO:<a>, and the options after it.
func addressIn(rest string) (string, []string) {
	_, rest, _ = strings.Cut(rest, "<")
	at := strings.LastIndexByte(rest, '>')
	if at < 0 {
		return "", nil
	}
	return rest[:at], strings.Fields(rest[at+1:])
}

// accepted puts a mail into the queue, and returns its id.
func (s *Server) accepted(tx *transaction, body []byte) protocol.MessageID {
	s.mu.Lock()
	defer s.mu.Unlock()
	msg := protocol.MessageID(rand.Uint32() | 1)
	now := time.Now().Unix()
	if tx.from == "" {
		tx.from = "@"
	}
	for i, r := range tx.to {
		e := Envelope{ID: protocol.EnvelopeID(uint64(msg)<<32 | uint64(rand.Uint32()&^0xff|uint32(i+1)&0xff)), Flags: protocol.FlagPending, Time: now + 3600}
		e.Text = fmt.Sprintf("version: 3\ndispatcher: relay\ntag: local\ntype: mta\nsmtpname: mx.example\nhelo: %s\nhostname: mx.example\n"+
			"sockaddr: local\nsender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: 0\nlast-bounce: 0\nttl: 0\nretry: 0\nflags: authenticated\n",
			tx.helo, tx.from, r.addr, r.addr, now)
		if r.notify != 0 {
			e.Text += fmt.Sprintf("dsn-notify: %d\n", r.notify)
		}
		if r.orcpt != "" {
			e.Text += "dsn-orcpt: " + r.orcpt + "\n"
		}
		if tx.ret != "" {
			e.Text += "dsn-ret: " + tx.ret + "\n"
		}
		if tx.envid != "" {
			e.Text += "dsn-envid: " + tx.envid + "\n"
		}
		s.queue.add(e)
		s.files.write(s.queue, &e)
		s.world.d.Enqueued++
	}
	if s.files != nil {
		head := fmt.Sprintf("Received: from %s (mx.example [local])\n\tby mx.example (OpenSMTPD) with ESMTPA id %v;\n\t%s\n",
			tx.helo, msg, time.Unix(now, 0).UTC().Format(time.RFC1123Z))
		s.files.message(msg, append([]byte(head), bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))...))
	}
	return msg
}
