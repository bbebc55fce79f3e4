package queue

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/render"
)

// checkDiscover requires an id, because terms cannot select an envelope that smtpd does
// not know.
func checkDiscover(c *command.Call) error {
	if _, ok := c.Args[0].Value.(IDArg); !ok {
		return command.Usagef("%s: expected 8 hex digits for a message or 16 for an envelope", command.PathOf(c))
	}
	return nil
}

// runDiscover makes smtpd load files that were put into its queue by hand. It checks
// the files first: a file that smtpd refuses makes older releases exit.
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
		return command.Unsure(err, "show queue "+id.Text+" tells")
	}
	if n > 0 {
		c.AuditEnd(nil)
	}
	result := command.Record{JSON: TallyJSON{Command: "discover", Done: int(n)}, Text: render.Plural(int(n), "envelope") + " discovered\n"}
	if err := c.Print(result); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("discover %q: smtpd already knows all envelope files of that id: check the files in %s",
			id.Text, disk.OpenSpool(ctx, c).Queue())
	}
	return lookAfterDiscover(ctx, c, conn, files)
}

// confirmDiscover asks a person before smtpd loads many envelopes.
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

// lookBeforeDiscover returns the envelope files of an id. The error says that smtpd
// would refuse one of them, and then nothing must be sent.
func lookBeforeDiscover(ctx context.Context, c *command.Call, id IDArg) ([]protocol.EnvelopeID, error) {
	var files []protocol.EnvelopeID
	if id.evp != 0 {
		sp := disk.OpenSpool(ctx, c)
		_, err := sp.Stat(false, sp.EnvelopePath(id.evp))
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
	n, conf, sp := 0, disk.SmtpdConf(ctx, c), disk.OpenSpool(ctx, c)
	for i, f := range files {
		if i%spool.AheadMost == 0 {
			sp.AheadEnvelopes(files[i:min(i+spool.AheadMost, len(files))])
		}
		cause, err := disk.TroubleIn(sp, f, conf)
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

// discoverLooks is how often discover checks whether smtpd lists the envelopes that it
// has counted. Queue and scheduler are two processes, so that takes a moment.
const discoverLooks = 4

// lookAfterDiscover warns if smtpd counted envelopes that it does not list. Its
// scheduler adds no envelopes to a message that it knows already.
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
		unlisted := slices.DeleteFunc(slices.Clone(files), func(id protocol.EnvelopeID) bool { return listed[id] })
		sp := disk.OpenSpool(ctx, c)
		paths := make([]string, len(unlisted))
		for i, id := range unlisted {
			paths[i] = sp.EnvelopePath(id)
		}
		looks, err := sp.Look(paths)
		if err != nil {
			return fmt.Errorf("discover: could not check whether smtpd lists what it has discovered: %w", err)
		}
		for i, id := range unlisted {
			if looks[i] == nil {
				if lost++; lost == 1 {
					first = id
				}
			}
		}
		if lost == 0 {
			return nil
		}
		if look == discoverLooks-1 {
			return fmt.Errorf("discover: smtpd counted %s that it does not list, %v for one: it loads no more envelopes of a message that it knows until it is restarted",
				render.Plural(lost, "envelope"), first)
		}
	}
	return nil
}
