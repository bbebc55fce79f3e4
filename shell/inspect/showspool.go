package inspect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// The states in the output of show spool.
const (
	spoolRefused   = "refused"    // smtpd does not list the file, and why is known
	spoolUnlisted  = "unlisted"   // smtpd does not list it, and why is not known
	spoolLost      = "lost"       // smtpd lists it, and it has no file
	spoolNoMessage = "no-message" // smtpd lists it, and its message has no file
	spoolAside     = "aside"      // beside the queue
)

// A SpoolJSON is a problem of one envelope, or a file beside the queue.
type SpoolJSON struct {
	ID     string `json:"id,omitempty"`
	State  string `json:"state"`
	Reason string `json:"reason"` // one word
	Text   string `json:"text"`
	Path   string `json:"path"`
	Next   string `json:"next"` // what to do
}

// spoolHelp is the help of show spool.
const spoolHelp = "\"lost\" is mail that smtpd lists but that has no file: a restart of smtpd loses it. \"refused\" and \"unlisted\" are\n" +
	"files that smtpd does not list, \"no-message\" is mail that cannot be delivered because its message file is missing,\n" +
	"and \"aside\" are files in folders beside the queue. Standard error says for each reason what to do. The exit status\n" +
	"is 0 whatever is found; with --fail it is 1 if anything is listed. If smtpd was started less than a minute ago,\n" +
	"show spool waits until smtpd has loaded its queue."

// A spoolReport prints the problems and counts them.
type spoolReport struct {
	c      *command.Call
	pick   *queue.Picker
	n      int // printed
	unread int // could not be matched with the terms
	counts map[[2]string]int
	next   map[[2]string]string
}

// runShowSpool compares the queue on disk with smtpd's listing.
func runShowSpool(ctx context.Context, c *command.Call) error {
	if !disk.HasSpool(c) {
		return fmt.Errorf("%s: the socket belongs to another smtpd: name the spool folder of that smtpd with --spool", command.PathOf(c))
	}
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	pick, err := queue.NewPicker(ctx, c)
	if err != nil {
		return err
	}
	if err := disk.AwaitLoaded(ctx, c, conn, nil); err != nil {
		return err
	}
	d, err := disk.Compare(ctx, c, conn)
	if err != nil {
		return fmt.Errorf("%s: %w", command.PathOf(c), command.FileError(err))
	}
	r := &spoolReport{c: c, pick: pick, counts: map[[2]string]int{}, next: map[[2]string]string{}}
	if err := r.all(ctx, conn, d); err != nil {
		return err
	}
	if err := c.Out.Flush(); err != nil {
		return err
	}
	return r.sum(d)
}

// all prints all selected problems.
func (r *spoolReport) all(ctx context.Context, conn *protocol.Conn, d *disk.Differences) error {
	sp, conf := disk.OpenSpool(ctx, r.c), disk.SmtpdConf(ctx, r.c)
	p := r.c.Progress("looked into", len(d.Unlisted)+len(d.Lost)+len(d.NoMessage))
	defer p.End()
	for i, id := range d.Unlisted {
		if i%spool.AheadMost == 0 {
			sp.AheadEnvelopes(d.Unlisted[i:min(i+spool.AheadMost, len(d.Unlisted))])
		}
		p.Step()
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if ok, err := r.picksFile(sp, id); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		reason, cause := disk.ReasonOf(sp, id, conf)
		s := SpoolJSON{id.String(), spoolRefused, string(reason), cause, sp.EnvelopePath(id), nextFor(reason, id, d.Listed(id))}
		if reason == disk.Unknown || reason == disk.Unreadable {
			s.State = spoolUnlisted
		}
		if err := r.print(s); err != nil {
			return err
		}
	}
	for _, id := range d.Lost {
		p.Step()
		if err := r.listed(ctx, conn, id, SpoolJSON{id.String(), spoolLost, "no-file", "smtpd lists it, and its file is missing: a restart of smtpd forgets it",
			sp.EnvelopePath(id), "do not restart smtpd; if there is a copy, restore puts it back"}); err != nil {
			return err
		}
	}
	for _, id := range d.NoMessage {
		p.Step()
		if err := r.listed(ctx, conn, id, SpoolJSON{id.String(), spoolNoMessage, "no-message", "smtpd lists it, and the file of its message is missing: it cannot be delivered",
			sp.MessagePath(id.Msg()), "put the message back, if there is a copy; else remove " + id.Msg().String()}); err != nil {
			return err
		}
	}
	if !r.pick.All {
		return nil
	}
	return r.asides(ctx, conn, sp)
}

// picksFile reports whether the file of an envelope is selected.
func (r *spoolReport) picksFile(sp *spool.Spool, id protocol.EnvelopeID) (bool, error) {
	if !r.pick.Named(id) || !r.pick.Terms() {
		return r.pick.Named(id), nil
	}
	e, err := sp.ReadEnvelope(id)
	if err != nil {
		r.unread++
	}
	return r.pick.Picks(&e, err)
}

// listed prints a problem of an envelope that smtpd lists, if it is selected.
func (r *spoolReport) listed(ctx context.Context, conn *protocol.Conn, id protocol.EnvelopeID, s SpoolJSON) error {
	if !r.pick.Named(id) {
		return nil
	}
	if r.pick.Terms() {
		e, err := queue.LookUp(ctx, conn, id)
		if err != nil || e == nil {
			return err
		}
		if ok, err := r.pick.Picks(e, nil); err != nil || !ok {
			return err
		}
	}
	return r.print(s)
}

// asideTexts describe the folders beside the queue, and say what to do.
var asideTexts = sync.OnceValue(func() map[string][2]string {
	return map[string][2]string{
		"corrupt":   {"smtpd has put this message aside as damaged: it is not delivered", "look into it; no command puts it back"},
		"incoming":  {"older than the start of smtpd, and so left by a crash while the message was received, before it was accepted", "look into it before you delete it"},
		"offline":   {"submitted on this machine while smtpd was stopped: smtpd takes it in when it is started", "start smtpd again, if it is older than its start"},
		"purge":     {"older than the start of smtpd, and so left by a crash while the message was deleted", "look into it before you delete it"},
		"temporary": {"older than the start of smtpd, and so left by a crash while a file was written", "look into it before you delete it"},
	}
})

// asides prints files in the folders beside the queue. In folders through which mail
// passes, only files older than the start of smtpd count.
func (r *spoolReport) asides(ctx context.Context, conn *protocol.Conn, sp *spool.Spool) error {
	digest, err := conn.Digest(ctx)
	if err != nil {
		return err
	}
	var failed error
	whole, err := sp.Asides(func(a spool.Aside) {
		passes := a.Folder != "corrupt" && a.Folder != "offline"
		if failed != nil || passes && a.Changed >= digest.Startup {
			return
		}
		text := asideTexts()[a.Folder]
		failed = r.print(SpoolJSON{"", spoolAside, a.Folder, text[0], a.Path, text[1]})
	})
	if err != nil {
		r.c.Warnf("smtpctl: the folders beside the queue cannot be read: %s", render.Safe(command.FileError(err).Error()))
	} else if !whole {
		r.c.Warnf("smtpctl: there are more files beside the queue than were checked")
	}
	return failed
}

// print counts a problem, and prints it within the limit.
func (r *spoolReport) print(s SpoolJSON) error {
	key := [2]string{s.State, s.Reason}
	if r.counts[key]++; r.counts[key] == 1 {
		r.next[key] = s.Next
	}
	r.n++
	if r.pick.Limit > 0 && r.n > r.pick.Limit {
		return nil
	}
	name := s.ID
	if name == "" {
		name = filepath.Base(s.Path)
	}
	return r.c.Print(command.Record{JSON: s, Text: render.Safe(fmt.Sprintf("%s %s %s: %s (%s)", name, s.State, s.Reason, s.Text, s.Path)) + "\n"})
}

// sum prints on standard error how many problems of each kind there were, and what to
// do.
func (r *spoolReport) sum(d *disk.Differences) error {
	var keys [][2]string
	for k := range r.counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return strings.Compare(a[0]+" "+a[1], b[0]+" "+b[1]) })
	for _, k := range keys {
		n, like := r.counts[k], ""
		if n > 1 {
			like = ", for the first"
		}
		r.c.Warnf("smtpctl: %d %s, %s: %s%s", n, k[0], k[1], render.Safe(r.next[k]), like)
	}
	for _, err := range d.Errors {
		r.c.Warnf("smtpctl: %s", render.Safe(command.FileError(err).Error()))
	}
	if r.unread > 0 {
		r.c.Warnf("smtpctl: %s could not be read, and so match no term: name them by their ids", render.Plural(r.unread, "file"))
	}
	if d.More {
		r.c.Warnf("smtpctl: there are more than can be listed: these are the first")
	}
	if d.Moving {
		r.c.Warnf("smtpctl: their number was falling: smtpd loads its queue or deletes mail; try again in %v", 10*time.Second)
	}
	switch {
	case len(d.Errors) > 0:
		return fmt.Errorf("%s: %s could not be read, see above", command.PathOf(r.c), render.Plural(len(d.Errors), "folder"))
	case r.n > 0 && r.c.Flag("fail") != "":
		return errSpool
	}
	return nil
}

// errSpool is the outcome of show spool --fail if anything was found.
var errSpool = errors.New("show spool: the spool is not in order, see above")

// nextFor says what to do with a file that smtpd does not list.
func nextFor(reason spool.Reason, id protocol.EnvelopeID, others bool) string {
	again := "discover " + id.String()
	if others {
		again = "restart smtpd: it knows other envelopes of the message, and so discover would load no more of them"
	}
	switch reason {
	case spool.Access:
		return "chown it to the user of smtpd's queue and chmod it to 0600, then " + again
	case disk.NoDispatcher:
		return "give smtpd.conf an action of that name and restart smtpd"
	case disk.Compression, disk.Encryption:
		return "restore that setting in smtpd.conf and restart smtpd"
	case disk.Unreadable:
		return "give --key-file if the queue is encrypted, or try as root"
	case disk.Unknown:
		return again
	case spool.Version, spool.Field:
		return "it was edited or comes from another release: mend the file, then " + again
	}
	return "it cannot be mended: replace it by a copy, then " + again
}
