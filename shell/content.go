package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"smtpctl/shell/render"
)

// runShowEnvelope prints the file of an envelope.
func runShowEnvelope(ctx context.Context, c *Call) error {
	id, err := c.resolveEnvelope(ctx, c.id(0))
	if err != nil {
		return err
	}
	if c.format() == formatJSON {
		e, err := c.spool(ctx).ReadEnvelope(id)
		if err != nil {
			return c.contentError(ctx, err)
		}
		return c.printJSON(render.NewEnvelopeJSON(&e, false))
	}
	return c.contentError(ctx, c.spool(ctx).CopyEnvelope(c.out(), id))
}

// A messageJSON is a message as JSON shows it.
type messageJSON struct {
	Message string `json:"message"`
	Size    int    `json:"size"` // in bytes
	Text    string `json:"text"`
}

// runShowMessage prints the file of a message.
func runShowMessage(ctx context.Context, c *Call) error {
	id, err := c.resolveMessage(ctx, c.id(0))
	if err != nil {
		return err
	}
	if c.format() == formatJSON {
		var b bytes.Buffer
		if err := c.spool(ctx).CopyMessage(&b, id); err != nil {
			return c.contentError(ctx, err)
		}
		return c.printJSON(messageJSON{id.String(), b.Len(), b.String()})
	}
	return c.contentError(ctx, c.spool(ctx).CopyMessage(c.out(), id))
}

// contentError words the errors of reading one file of the queue.
func (c *Call) contentError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if _, serr := readable(c.spool(ctx).Queue()); serr != nil {
			return fmt.Errorf("%s: no queue there: %w", pathOf(c), fileError(serr))
		}
		return fmt.Errorf("%s: %w", pathOf(c), errNoSuchID)
	}
	return fmt.Errorf("%s: %w", pathOf(c), fileError(c.keyError(err)))
}

// readable reports whether a folder can be read.
func readable(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	return true, f.Close()
}
