package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// checkDiscover wants an id: what smtpd does not know cannot be selected by terms.
func checkDiscover(c *command.Call) error {
	if _, ok := c.Args[0].Value.(IDArg); !ok {
		return command.Usagef("%s: want 8 hex digits for a message or 16 for an envelope", command.PathOf(c))
	}
	return nil
}

// runDiscover makes smtpd take up files that were put into its queue by hand. It
// looks at them first: a file that smtpd refuses has ended older smtpds.
func runDiscover(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	id := ArgID(c, 0)
	files, err := lookBeforeDiscover(ctx, c, id)
	if err != nil {
		return err
	}
	if err := confirmDiscover(ctx, c, id, len(files)); err != nil {
		return err
	}
	if len(files) > 0 {
		if err := disk.AwaitLoaded(ctx, c, conn, files); err != nil {
			return err
		}
	}
	n := uint64(0)
	switch {
	case len(files) == 0:
	case id.evp != 0:
		n, err = conn.DiscoverEnvelope(ctx, id.evp)
	default:
		n, err = conn.DiscoverMessage(ctx, id.msg)
	}
	if err != nil {
		return err
	}
	if n > 0 {
		c.AuditEnd(nil)
	}
	result := command.Record{JSON: TallyJSON{Command: "discover", Done: int(n)}, Text: render.Plural(int(n), "envelope") + " discovered\n"}
	if err := c.Print(result); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("discover %q: no envelope files that smtpd does not know already: look in %s",
			id.Text, disk.OpenSpool(ctx, c).Queue())
	}
	return lookAfterDiscover(ctx, c, conn, files)
}

// confirmDiscover asks a person before many envelopes are put into the queue.
func confirmDiscover(ctx context.Context, c *command.Call, id IDArg, files int) error {
	if files <= unaskedActions || !asksFirst(c) {
		return nil
	}
	if c.Confirm(ctx, fmt.Sprintf("discover message %v, which has %s on disk?", id.msg, render.Plural(files, "envelope"))) {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return command.ErrNotConfirmed
}

// refusedShown is how many files that smtpd would refuse are named.
const refusedShown = 3

// lookBeforeDiscover returns the envelope files that an id names, none if there
// are none, and an error if smtpd would refuse one of them: nothing is sent then.
func lookBeforeDiscover(ctx context.Context, c *command.Call, id IDArg) ([]protocol.EnvelopeID, error) {
	var files []protocol.EnvelopeID
	if id.evp != 0 {
		_, err := os.Lstat(disk.OpenSpool(ctx, c).EnvelopePath(id.evp))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("discover %q: %w; nothing sent", id.Text, command.FileError(err))
		}
		files = append(files, id.evp)
	} else {
		var err error
		if files, err = disk.OpenSpool(ctx, c).MessageIDs(id.msg); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("discover %q: %w; nothing sent", id.Text, command.FileError(err))
		}
	}
	var bad []string
	n, conf := 0, disk.SmtpdConf(c)
	for _, f := range files {
		cause, _, err := disk.TroubleWith(ctx, c, f, conf)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			cause = "it cannot be looked into: " + command.FileError(disk.KeyError(c, err)).Error()
		}
		if cause == "" {
			continue
		}
		if n++; n <= refusedShown {
			bad = append(bad, fmt.Sprintf("%v: %s", f, cause))
		}
	}
	switch {
	case n == 0:
		return files, nil
	case n > refusedShown:
		bad = append(bad, fmt.Sprintf("and %d more", n-refusedShown))
	}
	return nil, fmt.Errorf("discover %q: smtpd would refuse %s, nothing sent: %s", id.Text, render.Plural(n, "envelope file"), strings.Join(bad, "; "))
}

// discoverLooks is how often discover looks whether smtpd lists what it has
// counted, a moment apart: queue and scheduler are two processes.
const discoverLooks = 4

// lookAfterDiscover says so if smtpd counted what it does not list. Its scheduler
// takes nothing more of a message that it knows already.
func lookAfterDiscover(ctx context.Context, c *command.Call, conn *protocol.Conn, files []protocol.EnvelopeID) error {
	for look := range discoverLooks {
		if look > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(disk.UnlistedEvery / 2):
			}
		}
		listed := map[protocol.EnvelopeID]bool{}
		for e, err := range conn.MessageEnvelopes(ctx, files[0].Msg().First()) {
			if err != nil && !errors.Is(err, protocol.ErrNotEnvelope) {
				return err
			}
			listed[e.ID] = true
		}
		lost := 0
		var first protocol.EnvelopeID
		for _, id := range files {
			if _, err := os.Lstat(disk.OpenSpool(ctx, c).EnvelopePath(id)); !listed[id] && err == nil {
				if lost++; lost == 1 {
					first = id
				}
			}
		}
		if lost == 0 {
			return nil
		}
		if look == discoverLooks-1 {
			return fmt.Errorf("discover: smtpd counted %s that it does not list, %v for one: it takes nothing more of a message that it knows, but will when it is started again",
				render.Plural(lost, "envelope"), first)
		}
	}
	return nil
}
