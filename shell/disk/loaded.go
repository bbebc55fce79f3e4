package disk

import (
	"context"
	"fmt"
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
)

// Times of AwaitLoaded.
const (
	loadedEvery   = 250 * time.Millisecond
	loadedQuiet   = 2 * time.Second        // for which nothing must have been loaded
	loadedPerFile = 100 * time.Microsecond // and so much more for each file that is not listed
	loadedSilent  = 4 * time.Second        // that it waits before it says so
)

// AwaitLoaded waits until smtpd has loaded its queue after a start: at most until one
// minute after the start, and less if the number of files that smtpd does not list has
// been nearly the same for a while.
//
// Danger: while smtpd loads its queue, it may load by itself an envelope that it is
// told to discover. Its scheduler then has the envelope twice, and smtpd exits
// (queue.c, scheduler.c; seen on 7.4.0p1).
func AwaitLoaded(ctx context.Context, c *command.Call, conn *protocol.Conn, but []protocol.EnvelopeID) error {
	began, said := time.Now(), false
	since := began // when something was loaded last
	var before []protocol.EnvelopeID
	p := c.Progress("waiting until smtpd has loaded its queue", 0)
	defer p.End()
	for look := 0; ; look++ {
		d, err := conn.Digest(ctx)
		if err != nil {
			return err
		}
		age := time.Now().Unix() - d.Startup
		if age >= StartGrace || age < 0 {
			return nil
		}
		p.Next("ends at the latest", time.Unix(d.Startup+StartGrace, 0))
		left, err := UnlistedOf(ctx, c, conn, unlistedMost)
		if err != nil && ctx.Err() == nil && protocol.Unreachable(err) {
			return err
		}
		left = slices.DeleteFunc(left, func(id protocol.EnvelopeID) bool { return slices.Contains(but, id) })
		if err != nil || look == 0 || !slices.Equal(left, before) {
			since, before = time.Now(), left
		}
		if time.Since(since) >= loadedQuiet+time.Duration(len(left))*loadedPerFile {
			return nil
		}
		if !said && time.Since(began) > loadedSilent {
			said = true
			c.Warnf("smtpctl: smtpd was started %d seconds ago: waiting until it has loaded its queue, %d seconds at most", age, StartGrace-age)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: nothing done", context.Cause(ctx))
		case <-time.After(loadedEvery):
		}
	}
}
