package inspect

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// runShowEnvelope prints the file of an envelope.
func runShowEnvelope(ctx context.Context, c *command.Call) error {
	id, err := queue.ResolveEnvelope(ctx, c, queue.ArgID(c, 0))
	if err != nil {
		return err
	}
	return c.Print(command.Record{
		JSON: command.Lazy(func() (any, error) {
			e, err := disk.OpenSpool(ctx, c).ReadEnvelope(id)
			if err != nil {
				return nil, contentError(ctx, c, err)
			}
			return selector.JSONOf(selector.Row{Envelope: &e}), nil
		}),
		Lines: func() error { return contentError(ctx, c, disk.OpenSpool(ctx, c).CopyEnvelope(c.Out, id)) },
		Table: func() error { return describeEnvelope(ctx, c, id) },
	})
}

// describeEnvelope prints the file of an envelope for a person, with explanations of
// its numbers and flags, and what smtpd will do next with the envelope.
func describeEnvelope(ctx context.Context, c *command.Call, id protocol.EnvelopeID) error {
	var b bytes.Buffer
	if err := disk.OpenSpool(ctx, c).CopyEnvelope(&b, id); err != nil {
		return contentError(ctx, c, err)
	}
	now := time.Now()
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if note := fieldNote(line, now); note != "" {
			line += "    (" + note + ")"
		}
		fmt.Fprintln(c.Out, line)
	}
	if state := schedulerState(ctx, c, id, now); state != "" {
		fmt.Fprintf(c.Out, "smtpd: %s\n", state)
	}
	return nil
}

// flagNotes are what the flags in an envelope's file mean.
var flagNotes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"authenticated": "the client had logged in",
		"bounce":        "it reports a failed delivery",
		"internal":      "it was generated or received locally",
		"enqueued":      "it was handed over by a local user",
	}
})

// fieldNote explains a line of an envelope's file, if an explanation is useful.
func fieldNote(line string, now time.Time) string {
	name, value, ok := strings.Cut(line, ": ")
	if !ok || value == "" {
		return ""
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch name {
	case "ctime", "last-try", "last-bounce":
		if err == nil && n > 0 {
			return time.Unix(n, 0).Format(time.DateTime) + ", " + render.Age(now.Unix()-n) + " ago"
		}
	case "ttl", "bounce-ttl", "bounce-delay":
		if err == nil && n > 0 {
			return protocol.Duration(n)
		}
	case "retry":
		if err == nil && n > 0 {
			return render.Tries(int(n)) + " so far"
		}
	case "flags":
		var notes []string
		for _, f := range strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }) {
			if note := flagNotes()[f]; note != "" {
				notes = append(notes, f+": "+note)
			}
		}
		return strings.Join(notes, "; ")
	}
	return ""
}

// schedulerState describes the state of an envelope in smtpd's scheduler, or returns ""
// if smtpd does not list it.
func schedulerState(ctx context.Context, c *command.Call, id protocol.EnvelopeID, now time.Time) string {
	conn, err := c.Conn(ctx)
	if errors.Is(err, protocol.ErrNotRunning) {
		return "not running"
	}
	if err != nil {
		return ""
	}
	e, err := queue.LookUp(ctx, conn, id)
	switch {
	case err != nil:
		return ""
	case e == nil:
		return "does not know it: removed, or put into the queue by hand"
	}
	state := render.State(e.Flags)
	switch left := e.NextTry - now.Unix(); {
	case e.Flags&protocol.FlagInflight != 0:
		return state + ", for " + render.Age(-left)
	case e.Flags&(protocol.FlagSuspend|protocol.FlagHold) != 0:
		return state
	case left <= 0:
		return state + ", due"
	default:
		return state + ", next try in " + render.Age(left)
	}
}

// A MessageJSON is a message in JSON, for the manual. writeMessageJSON writes the same
// without having all of it in memory.
type MessageJSON struct {
	Message string `json:"message"`
	Size    int64  `json:"size"` // in bytes
	Text    string `json:"text"`
}

// runShowMessage prints the file of a message, or only its headers.
func runShowMessage(ctx context.Context, c *command.Call) error {
	id, err := queue.ResolveMessage(ctx, c, queue.ArgID(c, 0))
	if err != nil {
		return err
	}
	copyTo := func(w io.Writer) error {
		w = &contextWriter{ctx, w}
		if c.Flag("headers") == "" {
			return disk.OpenSpool(ctx, c).CopyMessage(w, id)
		}
		h := &headerWriter{w: w}
		err := disk.OpenSpool(ctx, c).CopyMessage(h, id)
		if err == nil { // a message without a body
			_, err = w.Write(h.line)
		}
		if errors.Is(err, errHeadersEnd) {
			err = nil
		}
		return err
	}
	return c.Print(command.Record{
		JSON:  command.Writer(func(w io.Writer) error { return messageError(ctx, c, writeMessageJSON(w, id, copyTo)) }),
		Lines: func() error { return messageError(ctx, c, copyTo(c.Out)) },
	})
}

// writeMessageJSON writes a message as JSON. It reads the message twice: once for its
// size and to see whether all of it can be read, and once to print it, so that memory
// does not grow with the message.
func writeMessageJSON(w io.Writer, id protocol.MessageID, copyTo func(io.Writer) error) error {
	var size, again byteCount
	if err := copyTo(&size); err != nil {
		return err
	}
	head, err := render.AppendJSON(nil, MessageJSON{Message: id.String(), Size: int64(size)})
	if err != nil {
		return err
	}
	head, tail := head[:len(head)-len("\"}\n")], head[len(head)-len("\"}\n"):]
	if _, err := w.Write(head); err != nil {
		return err
	}
	text := render.NewJSONText(w)
	if err := copyTo(io.MultiWriter(text, &again)); err != nil {
		return err
	}
	if err := text.End(); err != nil {
		return err
	}
	if _, err := w.Write(tail); err != nil {
		return err
	}
	if again != size {
		return errors.New("the message changed while it was read: the size given in the JSON is wrong")
	}
	return nil
}

// A byteCount counts the bytes written to it.
type byteCount int64

func (n *byteCount) Write(p []byte) (int, error) {
	*n += byteCount(len(p))
	return len(p), nil
}

// A contextWriter fails once its context has ended.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (w *contextWriter) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.w.Write(p)
}

// maxHeaders is how many bytes of headers are read: ten times what other mail programs
// accept.
const maxHeaders = 8 << 20

// errHeadersEnd ends the copying of a message after its headers.
var errHeadersEnd = errors.New("the headers have ended")

// A headerWriter passes on the lines of a message up to the first empty one.
type headerWriter struct {
	w    io.Writer
	size int
	line []byte // the start of a line whose end has not been written yet
}

func (h *headerWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if h.size > maxHeaders {
			return 0, fmt.Errorf("the headers are longer than %d bytes, and the rest is left out", maxHeaders)
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 && len(h.line)+len(p) < bufio.MaxScanTokenSize {
			h.line = append(h.line, p...)
			return n, nil
		}
		if end < 0 {
			end = len(p) - 1 // no header is that long
		}
		line := append(h.line, p[:end+1]...)
		h.size += len(line)
		h.line, p = h.line[:0], p[end+1:]
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return n, errHeadersEnd
		}
		if _, err := h.w.Write(line); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// contentError puts errors of reading one file of the queue into words.
func contentError(ctx context.Context, c *command.Call, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if serr := disk.OpenSpool(ctx, c).Readable(); serr != nil {
			return fmt.Errorf("%s: no queue in the spool folder: %w", command.PathOf(c), command.FileError(serr))
		}
		return fmt.Errorf("%s: %w", command.PathOf(c), queue.ErrNoSuchID)
	}
	return fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(disk.KeyError(c, err)))
}

// messageError is contentError for the file of a message. The folder of a message is
// deleted with its last envelope, so a message should have a file as long as an
// envelope has one.
func messageError(ctx context.Context, c *command.Call, err error) error {
	sp := disk.OpenSpool(ctx, c)
	if errors.Is(err, fs.ErrNotExist) && sp.Readable() == nil {
		if id, err := queue.ResolveMessage(ctx, c, queue.ArgID(c, 0)); err == nil {
			if ids, err := sp.MessageIDs(id); err == nil && len(ids) > 0 {
				return fmt.Errorf("%s: the file of the message is missing, although %s of the message there: %s", command.PathOf(c),
					render.Plural(len(ids), "envelope is", "envelopes are"), sp.MessagePath(id))
			}
		}
	}
	return contentError(ctx, c, err)
}
