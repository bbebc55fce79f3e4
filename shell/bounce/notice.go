package bounce

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/handover"
)

// Limits of a notice.
const (
	maxHead = 64 << 10 // of the header that it returns
	maxText = 800      // of an error or a reason, in bytes
)

// A kind says whether a notice reports failure or delay.
type kind int

const (
	failed kind = iota
	delayed
)

// A notice is a delivery status notification (RFC 3464) to the sender of a message,
// about some of its envelopes.
type notice struct {
	kind      kind
	host      string // that reports
	to        string // the sender
	reason    string // of the administrator, may be empty
	now       time.Time
	expires   int64 // until when late mail is tried, 0 if that is not known
	envelopes []*protocol.Envelope
	boundary  string
}

// newNotice returns the notice for envelopes of one message and sender.
func newNotice(c *command.Call, k kind, reason string, envelopes []*protocol.Envelope) *notice {
	e := envelopes[0]
	host := cmp.Or(handover.HostName(c, e.SMTPName), "localhost")
	return &notice{kind: k, host: host, to: handover.Address(e.Sender), reason: plain(reason), now: time.Now(), envelopes: envelopes, boundary: rand.Text()}
}

// returnsAll reports whether the sender wants the whole message back, and not only its
// headers (RFC 3461, RET).
func (n *notice) returnsAll() bool {
	return n.kind == failed && strings.EqualFold(n.envelopes[0].DSNRet, "FULL")
}

// write writes the notice, with the message or the part of it that is returned.
func (n *notice) write(w io.Writer, sp *spool.Spool) error {
	if err := n.writeHead(w); err != nil {
		return err
	}
	if n.returnsAll() {
		if err := handover.CopyMessage(w, sp, n.envelopes[0].ID.Msg()); err != nil {
			return err
		}
	} else {
		head, err := headOf(sp, n.envelopes[0].ID.Msg())
		if err != nil {
			return &handover.UnreadableError{Err: err}
		}
		if _, err := w.Write(head); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n--%s--\n", n.boundary)
	return err
}

// writeHead writes the notice up to the returned part of the message.
func (n *notice) writeHead(w io.Writer) error {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Subject: Delivery status notification: %s", map[kind]string{failed: "mail is returned", delayed: "mail is delayed"}[n.kind])
	line("From: Mail Delivery System <MAILER-DAEMON@%s>", n.host)
	line("To: <%s>", plain(n.to))
	line("Date: %s", n.now.Format(time.RFC1123Z))
	line("Message-ID: <%s@%s>", strings.ToLower(rand.Text()), n.host)
	line("Auto-Submitted: auto-replied")
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=%q", n.boundary)
	line("")
	line("This is a MIME-encapsulated message.\n")
	line("--%s\nContent-Description: Notification\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", n.boundary)
	line("This is the mail system at %s.\n", n.host)
	if n.kind == failed {
		line("Your message could not be delivered to the recipients below, and no more\nattempts are made. %s is at the end.\n", map[bool]string{true: "It", false: "Its header"}[n.returnsAll()])
	} else {
		line("Your message could not be delivered yet to the recipients below. You need not\nsend it again: more attempts are made%s.\n", n.until())
	}
	if n.reason != "" {
		line("%s\n", n.reason)
	}
	for _, e := range n.envelopes {
		line("  <%s>:\n    %s", plain(handover.Address(e.Rcpt)), lastError(e))
	}
	line("\n--%s\nContent-Description: Delivery report\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: 7bit\n", n.boundary)
	n.status(line)
	if n.returnsAll() {
		line("\n--%s\nContent-Description: Message\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n", n.boundary)
	} else {
		line("\n--%s\nContent-Description: Header of the message\nContent-Type: text/rfc822-headers\nContent-Transfer-Encoding: 8bit\n", n.boundary)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// until returns a phrase for the time until which delayed mail is tried.
func (n *notice) until() string {
	if n.expires == 0 {
		return ""
	}
	return " until " + time.Unix(n.expires, 0).Format(time.RFC1123Z)
}

// status writes the fields of the delivery status (RFC 3464).
func (n *notice) status(line func(format string, args ...any)) {
	first := n.envelopes[0]
	line("Reporting-MTA: dns; %s", n.host)
	if id := ascii(first.DSNEnvID); id != "" {
		line("Original-Envelope-Id: %s", id)
	}
	if first.Created > 0 {
		line("Arrival-Date: %s", time.Unix(first.Created, 0).Format(time.RFC1123Z))
	}
	for _, e := range n.envelopes {
		line("")
		if orcpt := ascii(handover.Orcpt(e.DSNOrcpt)); orcpt != "" {
			line("Original-Recipient: %s", orcpt)
		}
		line("Final-Recipient: rfc822; %s", ascii(handover.Address(e.Rcpt)))
		line("Action: %s", map[kind]string{failed: "failed", delayed: "delayed"}[n.kind])
		line("Status: %s", n.code(e))
		if e.ErrorLine != "" {
			kind := "X-OpenSMTPD"
			if reply().MatchString(e.ErrorLine) {
				kind = "smtp"
			}
			line("Diagnostic-Code: %s; %s", kind, ascii(e.ErrorLine))
		}
		if e.LastTry > 0 {
			line("Last-Attempt-Date: %s", time.Unix(e.LastTry, 0).Format(time.RFC1123Z))
		}
		if n.kind == delayed && n.expires > 0 {
			line("Will-Retry-Until: %s", time.Unix(n.expires, 0).Format(time.RFC1123Z))
		}
	}
}

// The forms of an error line.
var (
	reply    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[245][0-9][0-9][ -]`) })
	enhanced = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\b[45]\.([0-9]{1,3}\.[0-9]{1,3})\b`) })
)

// code returns the status of an envelope, from its last error. For returned mail, it is
// a permanent one.
func (n *notice) code(e *protocol.Envelope) string {
	class := map[kind]string{failed: "5.", delayed: "4."}[n.kind]
	if m := enhanced().FindStringSubmatch(e.ErrorLine); m != nil {
		return class + m[1]
	}
	return class + "0.0"
}

// lastError returns the last error of an envelope, or a sentence if there is none.
func lastError(e *protocol.Envelope) string {
	if e.ErrorLine == "" {
		return "no attempt has failed; the administrator has decided so"
	}
	return plain(e.ErrorLine)
}

// plain returns a text as one line of limited length without control characters.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.TrimSpace(cut(strings.ToValidUTF8(cut(text), "")))
}

// ascii is plain with a question mark for each character that is not ASCII.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '?'
		}
		return r
	}, plain(text))
}

func cut(text string) string { return text[:min(len(text), maxText)] }

// errHead ends the reading of a message after its headers.
var errHead = errors.New("that was the header")

// A headWriter keeps the headers of the message that is written to it.
type headWriter struct{ text []byte }

// Write implements io.Writer.
func (h *headWriter) Write(p []byte) (int, error) {
	h.text = append(h.text, p...)
	for _, end := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(h.text, []byte(end)); i >= 0 {
			h.text = h.text[:i+1]
			return 0, errHead
		}
	}
	if len(h.text) > maxHead {
		h.text = h.text[:bytes.LastIndexByte(h.text[:maxHead], '\n')+1]
		return 0, errHead
	}
	return len(p), nil
}

// headOf returns the headers of a message, up to the limit for a notice.
func headOf(sp *spool.Spool, msg protocol.MessageID) ([]byte, error) {
	h := &headWriter{}
	if err := sp.CopyMessage(h, msg); err != nil && !errors.Is(err, errHead) {
		return nil, err
	}
	return bytes.ReplaceAll(h.text, []byte("\r\n"), []byte("\n")), nil
}
