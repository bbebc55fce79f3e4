package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// runShowEnvelope prints the file of an envelope.
func runShowEnvelope(ctx context.Context, c *Call) error {
	id, err := c.resolveEnvelope(ctx, c.id(0))
	if err != nil {
		return err
	}
	return c.contentError(c.spool().CopyEnvelope(c.out(), id))
}

// runShowMessage prints the file of a message.
func runShowMessage(ctx context.Context, c *Call) error {
	id, err := c.resolveMessage(ctx, c.id(0))
	if err != nil {
		return err
	}
	return c.contentError(c.spool().CopyMessage(c.out(), id))
}

// contentError words the errors of reading one file of the queue.
func (c *Call) contentError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if _, serr := readable(c.spool().Queue()); serr != nil {
			return fmt.Errorf("%s: no queue there: %w", pathOf(c), fileError(serr))
		}
		return fmt.Errorf("%s: %w", pathOf(c), errNoSuchID)
	}
	return fmt.Errorf("%s: %w", pathOf(c), fileError(err))
}

// readable reports whether a folder can be read.
func readable(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	return true, f.Close()
}
