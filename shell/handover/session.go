// Package handover replaces envelopes in smtpd's queue by new mail, so that mail is
// never lost and never duplicated, however the program ends.
package handover

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
)

// How long smtpd may take for a reply in an SMTP session. Filters may look up a
// recipient, and scan a whole message.
const (
	replyTime = time.Minute
	dataTime  = 5 * time.Minute
	afterTime = 20 * time.Second // for the answer to the end of the data once the user wants to stop
)

// A Mail is a mail to submit to smtpd.
type Mail struct {
	From       string // nothing for the null sender
	Ret, EnvID string // of DSN, nothing for none
	To         []Recipient
	// Write writes the message, whose lines end in LF or CRLF.
	Write func(w io.Writer) error
}

// A Recipient is one of a Mail.
type Recipient struct {
	Addr   string
	Notify int    // of DSN: bits such as protocol.NotifyFailure, 0 for none
	Orcpt  string // of DSN, such as rfc822;a@example.com; nothing for none
}

// Orcpt returns the ORCPT option of DSN as it was given. Some releases of smtpd keep
// the type of the address before it, others do not.
func Orcpt(a protocol.Address) string {
	text := Address(a)
	if text == "" || strings.Contains(text, ";") {
		return text
	}
	return "rfc822;" + text
}

// A ReplyError is smtpd's refusal of a recipient or a mail. Its text comes from smtpd
// and is not safe for a terminal.
type ReplyError struct {
	Code int
	Text string
}

func (e *ReplyError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Text) }

// dsn reports whether a mail has options of DSN.
func (m *Mail) dsn() bool {
	return m.Ret+m.EnvID != "" || slices.ContainsFunc(m.To, func(r Recipient) bool { return r.Notify != 0 || r.Orcpt != "" })
}

// ErrNoDSN means that smtpd accepts no DSN options from this machine, as in releases
// before 7.6.
var ErrNoDSN = errors.New("the sender asked for notifications (DSN), which this smtpd accepts only from other machines: --without-dsn drops the request")

// errListenerDSN means that a listener of smtpd takes no options of DSN.
var errListenerDSN = errors.New("the sender asked for notifications (DSN), which smtpd does not take there: --without-dsn drops the request")

// errUnsure means that smtpd was given a complete mail and has not said whether it
// accepted the mail.
var errUnsure = errors.New("smtpd has not said whether it accepted the mail")

// A session is an SMTP session with smtpd.
type session struct {
	conn net.Conn
	tp   *textproto.Conn
	stop func() bool
	dsn  bool // it takes the options of DSN
	helo string
	far  *listener // of another machine, which has to be the right one; nil for this machine

	mails int // that were begun and ended in it
}

// openSession begins a session. helo is the name of the client.
func openSession(ctx context.Context, c *command.Call, helo string) (*session, error) {
	conn, far, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, tp: textproto.NewConn(conn), helo: helo, far: far}
	s.use(ctx)
	var greeting string
	if greeting, err = s.reply(220); err == nil {
		err = far.greets(greeting)
	}
	if err == nil {
		var offers string
		offers, err = s.ask(250, "EHLO %s", helo)
		s.dsn = slices.Contains(strings.Split(strings.ToUpper(offers), "\n"), "DSN")
	}
	if err != nil {
		s.close()
		return nil, endOf(ctx, err)
	}
	return s, nil
}

// use makes the end of ctx end what is waited for, in place of the context before.
func (s *session) use(ctx context.Context) {
	s.conn.SetDeadline(time.Now().Add(replyTime))
	s.stop = context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Now()) })
}

// close ends the session. smtpd discards a mail whose data was not complete.
func (s *session) close() {
	s.stop()
	s.conn.SetDeadline(time.Now().Add(time.Second))
	if s.tp.PrintfLine("QUIT") == nil {
		s.tp.ReadLine() // so that smtpd logs no broken session
	}
	s.tp.Close()
}

// endOf returns the cause of the end of ctx in place of the error that followed from
// it.
func endOf(ctx context.Context, err error) error {
	var reply *ReplyError
	if cause := context.Cause(ctx); cause != nil && !errors.As(err, &reply) {
		return cause
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("smtpd ended the SMTP session")
	}
	return err
}

// reply reads a reply, which must have the code, and returns its text.
func (s *session) reply(code int) (string, error) {
	_, text, err := s.tp.ReadResponse(code)
	var other *textproto.Error
	if errors.As(err, &other) {
		return "", &ReplyError{other.Code, strings.ReplaceAll(other.Msg, "\n", " ")}
	}
	return text, err
}

// say sends a line, and expects a reply with the code.
func (s *session) say(code int, format string, args ...any) error {
	_, err := s.ask(code, format, args...)
	return err
}

// ask is say that also returns the text of the reply.
func (s *session) ask(code int, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	if strings.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%q cannot be sent over SMTP", line)
	}
	s.conn.SetDeadline(time.Now().Add(replyTime))
	if err := s.tp.PrintfLine("%s", line); err != nil {
		return "", err
	}
	return s.reply(code)
}

// begin sends the sender and the recipients of a mail. rejected has smtpd's replies to
// recipients that it does not accept, by their index.
func (s *session) begin(ctx context.Context, m *Mail) (rejected map[int]error, err error) {
	if !s.dsn && m.dsn() {
		return nil, s.far.noDSN()
	}
	line := "MAIL FROM:<" + m.From + ">"
	if m.Ret != "" {
		line += " RET=" + m.Ret
	}
	if m.EnvID != "" {
		line += " ENVID=" + m.EnvID
	}
	if err := s.say(250, "%s", line); err != nil {
		return nil, s.far.refuses(endOf(ctx, err))
	}
	rejected = map[int]error{}
	for i, r := range m.To {
		line := "RCPT TO:<" + r.Addr + ">"
		if words := notifyWords(r.Notify); words != "" {
			line += " NOTIFY=" + words
		}
		if r.Orcpt != "" {
			line += " ORCPT=" + r.Orcpt
		}
		err := s.say(250, "%s", line)
		var reply *ReplyError
		switch {
		case errors.As(err, &reply):
			rejected[i] = err
		case err != nil:
			return nil, endOf(ctx, err)
		}
	}
	return rejected, nil
}

// notifyWords returns the words of NOTIFY for bits.
func notifyWords(bits int) string {
	var words []string
	for i, word := range protocol.NotifyWords {
		if bits&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// accepted finds the id of the message in smtpd's reply (smtp_session.c).
var accepted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b([0-9a-f]{8})\b Message accepted`) })

// data sends the message of the mail. ending is called when everything but the end of
// the data is written: until then smtpd discards the mail if the session breaks. The id
// is 0 if smtpd accepted the mail and a filter replied in its place.
func (s *session) data(ctx context.Context, m *Mail, ending func() error) (protocol.MessageID, error) {
	if err := s.say(354, "DATA"); err != nil {
		return 0, endOf(ctx, err)
	}
	s.conn.SetDeadline(time.Now().Add(dataTime))
	w := s.tp.DotWriter()
	if err := m.Write(&patient{ctx, s, w}); err != nil {
		// The end of the data must not follow, so the connection is closed under the
		// writer.
		s.conn.Close()
		return 0, endOf(ctx, err)
	}
	if err := ending(); err != nil {
		s.conn.Close()
		return 0, err
	}
	if ctx.Err() != nil {
		s.conn.Close()
		return 0, context.Cause(ctx)
	}
	// From here on smtpd may have the mail, so its reply is awaited.
	s.stop()
	s.conn.SetDeadline(time.Now().Add(dataTime))
	s.stop = context.AfterFunc(ctx, func() { s.conn.SetDeadline(time.Now().Add(afterTime)) })
	if err := w.Close(); err != nil {
		return 0, fmt.Errorf("%w: %w", errUnsure, err)
	}
	text, err := s.reply(250)
	var reply *ReplyError
	switch {
	case errors.As(err, &reply):
		return 0, err
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errUnsure, endOf(context.Background(), err))
	}
	if found := accepted().FindStringSubmatch(text); found != nil {
		return protocol.ParseMessageID(found[1])
	}
	return 0, nil
}

// A patient writer gives smtpd time anew with each piece of a message, as long as ctx lasts.
type patient struct {
	ctx context.Context
	s   *session
	w   io.Writer
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	p.s.conn.SetDeadline(time.Now().Add(dataTime))
	if p.ctx.Err() != nil { // its end may have set the deadline before
		return 0, context.Cause(p.ctx)
	}
	return p.w.Write(b)
}

// A source remembers whether an error was one of writing or of reading.
type source struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (s *source) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// CopyMessage writes a message of the queue, for use as Mail.Write. The error is an
// *UnreadableError if the message cannot be read.
func CopyMessage(w io.Writer, sp *spool.Spool, msg protocol.MessageID) error {
	s := &source{w: w}
	if err := sp.CopyMessage(s, msg); err != nil && s.err == nil {
		return &UnreadableError{err}
	}
	return s.err
}

// HostName returns name if it is valid as the name of a host in SMTP and in mail,
// otherwise the name of smtpd's machine, or "" if that is not valid either.
func HostName(c *command.Call, name string) string {
	if isHostName(name) {
		return name
	}
	if c.Elsewhere() {
		name = c.Far(c.Opts.Host).Node()
	} else if own, err := os.Hostname(); err == nil {
		name = own
	}
	if !isHostName(name) {
		return ""
	}
	return name
}

// isHostName reports whether a name has only letters, digits, dots and hyphens.
func isHostName(name string) bool {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"
	return name != "" && len(name) <= 255 && strings.Trim(name, chars) == ""
}
