// Package handover gives mail to smtpd in the place of envelopes that are in its queue,
// so that the mail is never lost and never there twice, whatever ends the program.
package handover

import (
	"cmp"
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

// How long smtpd may take for an answer in an SMTP session: filters may look a recipient
// up, and look into a whole message.
const (
	replyTime = time.Minute
	dataTime  = 5 * time.Minute
	afterTime = 20 * time.Second // for the answer to the end of the data once the user wants to stop
)

// A Mail is what is given to smtpd.
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

// Orcpt returns the option ORCPT of DSN as it was given: some releases of smtpd keep the type
// of the address before it, others do not.
func Orcpt(a protocol.Address) string {
	text := Address(a)
	if text == "" || strings.Contains(text, ";") {
		return text
	}
	return "rfc822;" + text
}

// A ReplyError is what smtpd answered instead of taking a recipient or a mail. Its text
// is that of smtpd, and not safe for a terminal.
type ReplyError struct {
	Code int
	Text string
}

func (e *ReplyError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Text) }

// dsn reports whether a mail has options of DSN.
func (m *Mail) dsn() bool {
	return m.Ret+m.EnvID != "" || slices.ContainsFunc(m.To, func(r Recipient) bool { return r.Notify != 0 || r.Orcpt != "" })
}

// ErrNoDSN means that smtpd takes no options of DSN from this machine, as before 7.6.
var ErrNoDSN = errors.New("the sender asked for notifications (DSN), which this smtpd takes from other machines only: --without-dsn drops that")

// errUnsure means that smtpd was given a mail whole, and has not said that it took it.
var errUnsure = errors.New("smtpd has not said whether it took the mail")

// A session is an SMTP session with smtpd.
type session struct {
	conn net.Conn
	tp   *textproto.Conn
	stop func() bool
	dsn  bool // it takes the options of DSN
}

// openSession begins a session in which the client is called helo.
func openSession(ctx context.Context, socket string, timeout time.Duration, helo string) (*session, error) {
	conn, err := protocol.DialSMTP(ctx, socket, protocol.Options{Timeout: timeout})
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, tp: textproto.NewConn(conn)}
	s.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	if err = s.expect(220); err == nil {
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

// close ends the session. smtpd forgets a mail whose data has not come to its end.
func (s *session) close() {
	s.stop()
	s.conn.SetDeadline(time.Now().Add(time.Second))
	if s.tp.PrintfLine("QUIT") == nil {
		s.tp.ReadLine() // so that smtpd logs no broken session
	}
	s.tp.Close()
}

// endOf returns why ctx ended in the place of an error that this caused.
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

// expect reads an answer, which is to have a code.
func (s *session) expect(code int) error {
	_, err := s.reply(code)
	return err
}

// reply is expect, and returns the text.
func (s *session) reply(code int) (string, error) {
	_, text, err := s.tp.ReadResponse(code)
	var other *textproto.Error
	if errors.As(err, &other) {
		return "", &ReplyError{other.Code, strings.ReplaceAll(other.Msg, "\n", " ")}
	}
	return text, err
}

// say sends a line, and expects an answer with a code.
func (s *session) say(code int, format string, args ...any) error {
	_, err := s.ask(code, format, args...)
	return err
}

// ask is say, and returns the text of the answer.
func (s *session) ask(code int, format string, args ...any) (string, error) {
	line := fmt.Sprintf(format, args...)
	if strings.ContainsAny(line, "\r\n\x00") {
		return "", fmt.Errorf("%q cannot be said in SMTP", line)
	}
	s.conn.SetDeadline(time.Now().Add(replyTime))
	if err := s.tp.PrintfLine("%s", line); err != nil {
		return "", err
	}
	return s.reply(code)
}

// begin names the sender and the recipients of a mail. rejected has what smtpd said to
// those whom it does not take, by their index.
func (s *session) begin(ctx context.Context, m *Mail) (rejected map[int]error, err error) {
	if !s.dsn && m.dsn() {
		return nil, ErrNoDSN
	}
	line := "MAIL FROM:<" + m.From + ">"
	if m.Ret != "" {
		line += " RET=" + m.Ret
	}
	if m.EnvID != "" {
		line += " ENVID=" + m.EnvID
	}
	if err := s.say(250, "%s", line); err != nil {
		return nil, endOf(ctx, err)
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

// notifyWords returns what NOTIFY says for bits.
func notifyWords(bits int) string {
	var words []string
	for i, word := range protocol.NotifyWords {
		if bits&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// accepted is how smtpd names the message that it has taken (smtp_session.c).
var accepted = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b([0-9a-f]{8})\b Message accepted`) })

// data gives the message of the mail to smtpd. ending is called when all but the end of
// it is written: until then smtpd forgets the mail if the session breaks. The id is 0 if
// smtpd took the mail and a filter answered in its place.
func (s *session) data(ctx context.Context, m *Mail, ending func() error) (protocol.MessageID, error) {
	if err := s.say(354, "DATA"); err != nil {
		return 0, endOf(ctx, err)
	}
	s.conn.SetDeadline(time.Now().Add(dataTime))
	w := s.tp.DotWriter()
	if err := m.Write(w); err != nil {
		// No end of the data follows: the connection is closed under the writer.
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
	// From here on smtpd may have the mail, so its answer is waited for.
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

// A source remembers whether writing failed, and not reading.
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

// CopyMessage writes a message of the queue, as Mail.Write does. The error is an
// *UnreadableError if the message cannot be read.
func CopyMessage(w io.Writer, sp *spool.Spool, msg protocol.MessageID) error {
	s := &source{w: w}
	if err := sp.CopyMessage(s, msg); err != nil && s.err == nil {
		return &UnreadableError{err}
	}
	return s.err
}

// Send gives a mail to smtpd, in the place of nothing. The id is 0 if smtpd did not say it.
func Send(ctx context.Context, c *command.Call, m *Mail) (protocol.MessageID, error) {
	s, err := openSession(ctx, c.Opts.Socket, c.Opts.Timeout, cmp.Or(HostName(""), "smtpctl.invalid"))
	if err != nil {
		return 0, err
	}
	defer s.close()
	rejected, err := s.begin(ctx, m)
	if err != nil {
		return 0, err
	}
	for _, why := range rejected {
		return 0, why
	}
	return s.data(ctx, m, func() error { return nil })
}

// HostName returns a name if a host can have it in SMTP and in mail, or else that of this
// machine, or nothing if that cannot be used either.
func HostName(name string) string {
	if own, err := os.Hostname(); !isHostName(name) && err == nil {
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
