package smtpdsim

import (
	"bytes"
	"cmp"
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
	s.converse(session, nil)
	_, _, err = uc.WriteMsgUnix(b, unix.UnixRights(fds[1]), nil)
	return err
}

// converse speaks SMTP on a connection of its own, which ends with the server. at is nil for
// mail of the machine itself.
func (s *Server) converse(c net.Conn, at *Listener) {
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	s.wg.Go(func() {
		defer func() {
			c.Close()
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
		s.serveSMTP(c, at)
	})
}

// A Listener is a TCP port at which the simulation takes mail.
type Listener struct {
	Greeting string // in place of that of OpenSMTPD
	Login    bool   // it takes mail only after a login, which it cannot do
	NoDSN    bool
	MaxMails int // that a session may have; 0 for any number
	// Cut, if set, is called with each line of a client, which is . for the end of a message,
	// before it is carried out, and again after it has been, before it is answered. If the result
	// is true the connection ends.
	Cut func(line string, carriedOut bool) bool
}

// Listen takes mail at a TCP address until the server is closed, and returns the address with
// its port. Unlike smtpd, it goes on while smtp is paused.
func (s *Server) Listen(addr string, at Listener) (string, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	s.wg.Go(func() {
		<-s.stop
		ln.Close()
	})
	s.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.converse(c, &at)
		}
	})
	return ln.Addr().String(), nil
}

// A transaction is a mail that is being received.
type transaction struct {
	msg        protocol.MessageID
	helo, from string
	ret, envid string
	to         []recipient
}

// A recipient is one recipient of a transaction, with the options of RCPT.
type recipient struct {
	id          protocol.EnvelopeID
	addr, orcpt string
	notify      int
}

// serveSMTP speaks the part of SMTP that sendmail(8) uses with smtpd.
func (s *Server) serveSMTP(c net.Conn, at *Listener) {
	tp := textproto.NewConn(c)
	line, l := "", Listener{}
	if at != nil {
		l = *at
	}
	cut := func(line string, carriedOut bool) bool { return l.Cut != nil && l.Cut(line, carriedOut) }
	say := func(format string, args ...any) {
		if cut(line, true) {
			c.Close()
		}
		tp.PrintfLine(format, args...)
	}
	say("220 %s", cmp.Or(l.Greeting, "mx.example ESMTP OpenSMTPD"))
	tx, mails := transaction{}, 0
	defer func() { s.discard(&tx) }()
	for {
		var err error
		if line, err = tp.ReadLine(); err != nil || cut(line, false) {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		switch verb = strings.ToUpper(verb); verb {
		case "EHLO":
			tx.helo = rest
			dsn := "250-DSN\r\n"
			if l.NoDSN {
				dsn = ""
			}
			say("250-mx.example Hello\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-SIZE 36700160\r\n%s250 HELP", dsn)
		case "MAIL":
			if l.Login {
				say("530 5.5.1 Invalid command: Must issue an AUTH command first")
				continue
			}
			if mails++; l.MaxMails > 0 && mails > l.MaxMails {
				say("452 4.5.3 Too many recipients: Too many messages sent")
				continue
			}
			tx = transaction{helo: tx.helo, msg: protocol.MessageID(rand.Uint32() | 1)}
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
			r.id = tx.msg.First() + protocol.EnvelopeID(rand.Uint32()&^0xff|uint32(len(tx.to)+1)&0xff)
			tx.to = append(tx.to, r)
			s.files.comes(r.id, tx.text(&r, time.Now().Unix(), at))
			say("250 2.1.5 Destination address valid: Recipient ok")
		case "DATA":
			if len(tx.to) == 0 {
				say("503 5.5.1 Invalid command: Command not allowed at this point.")
				continue
			}
			say("354 Enter mail, end with \".\" on a line by itself")
			body, err := tp.ReadDotBytes()
			if line = "."; err != nil || cut(line, false) {
				return
			}
			s.accepted(&tx, body, at)
			say("250 2.0.0 %v Message accepted for delivery", tx.msg)
			tx = transaction{helo: tx.helo}
		case "RSET":
			s.discard(&tx)
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

// text returns the text of an envelope, which came at a time.
func (tx *transaction) text(r *recipient, now int64, at *Listener) string {
	from, source := cmp.Or(tx.from, "@"), "tag: local\ntype: mta\nsmtpname: mx.example\nhelo: %s\nhostname: mx.example\nsockaddr: local\n"
	if at != nil {
		source = "type: mta\nsmtpname: mx.example\nhelo: %s\nhostname: localhost\nsockaddr: 127.0.0.1\n"
	}
	text := fmt.Sprintf("version: 3\ndispatcher: relay\n"+source+"sender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: 0\nlast-bounce: 0\nttl: 0\nretry: 0\n",
		tx.helo, from, r.addr, r.addr, now)
	if at == nil {
		text += "flags: authenticated\n"
	}
	if r.notify != 0 {
		text += fmt.Sprintf("dsn-notify: %d\n", r.notify)
	}
	if r.orcpt != "" {
		text += "dsn-orcpt: " + r.orcpt + "\n"
	}
	if tx.ret != "" {
		text += "dsn-ret: " + tx.ret + "\n"
	}
	if tx.envid != "" {
		text += "dsn-envid: " + tx.envid + "\n"
	}
	return text
}

// discard forgets a mail that is not received to its end.
func (s *Server) discard(tx *transaction) {
	if len(tx.to) > 0 {
		s.files.came(tx.msg)
	}
}

// accepted puts a mail into the queue.
func (s *Server) accepted(tx *transaction, body []byte, at *Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Unix()
	for _, r := range tx.to {
		e := Envelope{ID: r.id, Flags: protocol.FlagPending, Time: now + 3600, Text: tx.text(&r, now, at)}
		s.queue.add(e)
		s.files.write(s.queue, &e)
		s.world.d.Enqueued++
	}
	s.files.came(tx.msg)
	if s.files != nil {
		source := map[bool]string{true: "mx.example [local]", false: "localhost [127.0.0.1]"}[at == nil]
		head := fmt.Sprintf("Received: from %s (%s)\n\tby mx.example (OpenSMTPD) with ESMTPA id %v;\n\t%s\n",
			tx.helo, source, tx.msg, time.Unix(now, 0).UTC().Format(time.RFC1123Z))
		s.files.message(tx.msg, append([]byte(head), bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))...))
	}
}
