package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// Limits of what is read of a message.
const (
	maxHead = 256 << 10 // of its header
	maxBody = 1 << 20   // of its body
)

// errEnough ends the reading of a message when no more of it is needed.
var errEnough = errors.New("enough was read")

// A mailReader reads the messages of envelopes, each message once for all its
// envelopes, which must come one after the other. It implements selector.Mail.
type mailReader struct {
	ctx   context.Context
	c     *command.Call
	spool *spool.Spool
	ahead *ahead // nil on this machine
	conf  *disk.ConfFacts

	msg     protocol.MessageID // that is held
	text    []byte             // the beginning of it
	whole   bool               // text is all of it
	headers map[string][]string
	partial bool  // headers are not all of them
	size    int64 // -1 before it is known

	gone int                // envelopes whose message is not there any more
	lost protocol.MessageID // the message of the first of them
	cut  int                // envelopes that the rest of their message would have decided
	err  error              // the first one that makes it unsafe to go on
}

// ReadsMail reports whether a call selects, sorts or groups by what only files of smtpd's
// machine say: messages and smtpd.conf.
func ReadsMail(c *command.Call) bool {
	sel := selectionIn(c)
	if _, deep := sel.terms.Split(); len(deep) > 0 {
		return true
	}
	if f := selector.Find(selector.Sorted(), strings.TrimPrefix(sel.sort, "-")); f != nil && f.Measure != nil {
		return true
	}
	return slices.ContainsFunc(groupingsOf(c), func(g *grouping) bool { return g.field.Group.Mail != nil })
}

func newMailReader(ctx context.Context, c *command.Call) *mailReader {
	r := &mailReader{ctx: ctx, c: c, ahead: aheadOf(ctx, c), size: -1}
	if r.ahead != nil {
		r.spool = r.ahead.spool
	} else {
		r.spool = filesOf(ctx, c)
	}
	return r
}

// match reports whether the terms match an envelope. If its message cannot be read,
// they do not, and err is set unless the message has just left the queue.
func (r *mailReader) match(terms selector.Selector, e *protocol.Envelope, now int64) bool {
	if r.err != nil {
		return false
	}
	yes, err := terms.MatchMail(r, e, now)
	r.failed(err)
	return yes
}

// failed records an error of reading a message.
func (r *mailReader) failed(err error) {
	switch {
	case err == nil:
	case errors.Is(err, selector.ErrCut):
		r.cut++
	case errors.Is(err, fs.ErrNotExist) && r.there():
		if r.gone++; r.gone == 1 {
			r.lost = r.msg
		}
	case r.err == nil:
		r.err = fmt.Errorf("the message cannot be read, so terms for its content match nothing: %w", command.FileError(disk.KeyError(r.c, err)))
	}
}

// there reports whether the queue folder exists.
func (r *mailReader) there() bool {
	info, err := r.spool.Stat(true, r.spool.Queue())
	return err == nil && info.Dir()
}

// open makes the message of an envelope the current one.
func (r *mailReader) open(e *protocol.Envelope) {
	if msg := e.ID.Msg(); msg != r.msg {
		r.msg, r.text, r.whole, r.headers, r.size = msg, r.text[:0], false, nil, -1
	}
}

// A beginning keeps the beginning of what is written to it. stop ends the writing.
type beginning struct {
	text []byte
	most int
	stop func(text []byte) bool
}

// Write implements io.Writer.
func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), b.most-len(b.text))]...)
	if len(b.text) == b.most || b.stop != nil && b.stop(b.text) {
		return 0, errEnough
	}
	return len(p), nil
}

// read reads the beginning of the message, up to most bytes or until stop returns true.
func (r *mailReader) read(most int, stop func(text []byte) bool) error {
	r.ahead.want(r.msg, aheadHead)
	b := &beginning{text: r.text[:0], most: most, stop: stop}
	err := r.spool.CopyMessage(b, r.msg)
	r.text, r.whole = b.text, err == nil
	if errors.Is(err, errEnough) {
		return context.Cause(r.ctx)
	}
	return err
}

// endOfHead returns the offset at which the headers of a message end, or -1 if the end
// is not in the text.
func endOfHead(text []byte) int {
	if bytes.HasPrefix(text, []byte("\n")) || bytes.HasPrefix(text, []byte("\r\n")) {
		return 0
	}
	lf, crlf := bytes.Index(text, []byte("\n\n")), bytes.Index(text, []byte("\r\n\r\n"))
	if crlf >= 0 && (lf < 0 || crlf < lf) {
		return crlf + 2
	}
	if lf >= 0 {
		return lf + 1
	}
	return -1
}

// wholeFields returns the headers without the last field, which may be incomplete.
func wholeFields(head []byte) []byte {
	for at := len(head) - 1; at > 0; at-- {
		if head[at-1] == '\n' && head[at] != ' ' && head[at] != '\t' {
			return head[:at]
		}
	}
	return nil
}

// Header implements selector.Mail.
func (r *mailReader) Header(e *protocol.Envelope, name string) ([]string, error) {
	r.open(e)
	if r.headers == nil {
		if len(r.text) == 0 {
			if err := r.read(maxHead, func(text []byte) bool { return endOfHead(text) >= 0 }); err != nil {
				return nil, err
			}
		}
		head := r.text
		end := endOfHead(head)
		if end >= 0 {
			head = head[:end]
		}
		if r.partial = end < 0 && !r.whole; r.partial {
			head = wholeFields(head)
		}
		r.headers = selector.Headers(head)
	}
	values := r.headers[strings.ToLower(name)]
	if r.partial {
		return values, selector.ErrCut
	}
	return values, nil
}

// Body implements selector.Mail.
func (r *mailReader) Body(e *protocol.Envelope) ([]byte, error) {
	r.open(e)
	if !r.whole && len(r.text) < maxHead+maxBody {
		if err := r.read(maxHead+maxBody, nil); err != nil {
			return nil, err
		}
	}
	end := endOfHead(r.text)
	if end < 0 {
		end = len(r.text)
	}
	body := r.text[end:]
	if !r.whole || len(body) > maxBody {
		return body[:min(len(body), maxBody)], selector.ErrCut
	}
	return body, nil
}

// A counter counts the bytes written to it.
type counter struct {
	ctx context.Context
	n   int64
}

// Write implements io.Writer.
func (w *counter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return len(p), context.Cause(w.ctx)
}

// Size implements selector.Mail.
func (r *mailReader) Size(e *protocol.Envelope) (int64, error) {
	r.open(e)
	if r.size >= 0 {
		return r.size, nil
	}
	r.ahead.want(r.msg, len("\x1f\x8b")) // by which its file is known
	n, plain, err := r.spool.PlainSize(r.msg)
	if err == nil && !plain {
		w := &counter{ctx: r.ctx}
		err = r.spool.CopyMessage(w, r.msg)
		n = w.n
	}
	if err != nil {
		return 0, err
	}
	r.size = n
	return n, nil
}

// Expires implements selector.Mail.
func (r *mailReader) Expires(e *protocol.Envelope) (int64, error) {
	if r.conf == nil {
		r.conf = disk.SmtpdConf(r.ctx, r.c)
	}
	if e.Created == 0 {
		return 0, nil
	}
	ttl, sure := r.conf.TtlFor(e.Dispatcher, e.Type == protocol.DeliverBounce)
	if !sure {
		return 0, fmt.Errorf("expires= needs the ttl from smtpd.conf, which could not be read: %s", r.conf.Path)
	}
	return e.Created + ttl, nil
}

// present returns an error if a message that smtpd lists was not found: the spool is
// damaged, or belongs to another smtpd. conn is nil where smtpd was not asked.
func (r *mailReader) present(ctx context.Context, conn *protocol.Conn) error {
	if r.gone > 0 && conn != nil {
		for _, err := range conn.EnvelopesOf(ctx, []protocol.MessageID{r.lost}) {
			if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
				return err
			}
			return fmt.Errorf("message %v of smtpd is not in %s, so terms for its content match nothing: the spool is damaged, or --spool names that of another smtpd", r.lost, r.spool.Queue())
		}
	}
	return nil
}

// decided returns an error if a term could only be decided by the rest of a message
// that is too long.
func (r *mailReader) decided() error {
	if r == nil || r.cut == 0 {
		return nil
	}
	return fmt.Errorf("cannot tell whether the terms match %s: the message is too long to be searched in full", render.Plural(r.cut, "envelope"))
}

// finish warns of envelopes that the selection leaves out, or returns the error of
// present.
func (r *mailReader) finish(ctx context.Context, conn *protocol.Conn) error {
	if r == nil {
		return nil
	}
	if err := r.present(ctx, conn); err != nil {
		return err
	}
	if r.gone > 0 {
		r.c.Warnf("smtpctl: %s the queue while messages were read, and %s not selected", render.Plural(r.gone, "envelope left", "envelopes left"), map[bool]string{true: "is", false: "are"}[r.gone == 1])
	}
	if r.cut > 0 {
		r.c.Warnf("smtpctl: not selected: %s whose message is too long; a search covers 256 KiB of the headers and 1 MiB of the body", render.Plural(r.cut, "envelope"))
	}
	return nil
}
