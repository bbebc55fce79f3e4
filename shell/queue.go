package shell

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// runShowQueue lists the queue, or one message of it. Where smtpd is not
// running it reads the disk, as smtpctl does, but says so.
func runShowQueue(ctx context.Context, c *Call) error {
	now := time.Now().Unix()
	conn, err := c.conn(ctx)
	if errors.Is(err, protocol.ErrNotRunning) {
		return c.showOffline(ctx, now)
	}
	if err != nil {
		return err
	}
	list := conn.Envelopes(ctx)
	if len(c.args) > 0 {
		msg, err := c.resolveMessage(ctx, c.id(0))
		if err != nil {
			return err
		}
		list = conn.MessageEnvelopes(ctx, msg.First())
	}
	var line []byte
	n, bad := 0, 0
	p := c.progress(ctx, conn, "listed")
	defer p.end()
	for e, err := range list {
		if errors.Is(err, protocol.ErrNotEnvelope) {
			bad++
			p.end()
			c.warnf("smtpctl: %s", render.Safe(err.Error()))
			continue
		}
		if err != nil {
			return stoppedAfter(ctx, err, n)
		}
		n++
		p.step()
		line = render.AppendEnvelope(line[:0], e, now, true)
		if _, err := c.out().Write(line); err != nil {
			return fmt.Errorf("standard output: %w", fileError(err))
		}
	}
	return c.listed(n, bad)
}

// showOffline lists the queue on disk.
func (c *Call) showOffline(ctx context.Context, now int64) error {
	sp := c.spool()
	c.warnf("smtpctl: smtpd is not running: this is the queue on disk, in %s", render.Safe(sp.Queue()))
	list := sp.Envelopes(ctx)
	if len(c.args) > 0 {
		msg, err := c.resolveMessage(ctx, c.id(0))
		if err != nil {
			return err
		}
		list = sp.MessageEnvelopes(msg)
	}
	var line []byte
	n, bad := 0, 0
	p := c.progress(ctx, nil, "listed")
	defer p.end()
	for e, err := range list {
		switch {
		case ctx.Err() != nil:
			return stoppedAfter(ctx, ctx.Err(), n)
		case err != nil && e.ID == 0 && n == 0 && bad == 0 && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
			return fmt.Errorf("show queue: smtpd is not running and its queue cannot be read: %w", fileError(err))
		case err != nil:
			bad++
			p.end()
			c.warnf("smtpctl: %s", render.Safe(fileError(err).Error()))
			continue
		}
		n++
		p.step()
		line = render.AppendEnvelope(line[:0], &e, now, false)
		if _, err := c.out().Write(line); err != nil {
			return fmt.Errorf("standard output: %w", fileError(err))
		}
	}
	return c.listed(n, bad)
}

// stoppedAfter adds to the error of a listing that the user interrupted how far
// it got.
func stoppedAfter(ctx context.Context, err error, n int) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("show queue: %w after %s", cause, count(n, "envelope"))
	}
	return err
}

// listed ends a listing that showed n envelopes and could not read bad ones.
func (c *Call) listed(n, bad int) error {
	switch {
	case bad > 0:
		return fmt.Errorf("show queue: %s could not be read, see above", count(bad, "envelope"))
	case n == 0 && len(c.args) > 0:
		return fmt.Errorf("show queue %q: %w", c.text(0), errNoSuchID)
	}
	return nil
}

// count writes a number with its noun, whose plural adds an s unless it is
// given.
func count(n int, one string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(many) > 0:
		return fmt.Sprintf("%d %s", n, many[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}
