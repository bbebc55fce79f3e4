package restore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/disk"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// atOnce is for how many copies the queue is looked at together.
const atOnce = 256

// A candidate is a selected copy.
type candidate struct {
	protocol.Envelope
	last copies.Last

	queued   bool // the queue has a file of it, under the id that it had or may have got
	incoming bool // so has the folder incoming of its message, under the id that it may have got
}

// choose decides for each selected copy whether it is restored. The error says that
// some could not be read.
func (r *restoration) choose(ctx context.Context) error {
	conf := disk.SmtpdConf(ctx, r.c)
	r.list = queue.Writer(r.c)
	err := queue.EachSelected(ctx, r.c, r.c.Args[1:], func(e *protocol.Envelope) (bool, error) {
		if len(r.plan) >= maxCopies {
			return false, fmt.Errorf("%s: more than %d copies are selected; nothing done: select fewer", command.PathOf(r.c), maxCopies)
		}
		if r.chosen = append(r.chosen, candidate{Envelope: *e, last: r.last[e.ID]}); len(r.chosen) < atOnce {
			return true, nil
		}
		return true, r.chooseSome(ctx, conf)
	})
	if ctx.Err() == nil && !command.LostMachine(err) {
		err = command.Both(err, r.chooseSome(ctx, conf))
	}
	slices.Sort(r.plan)
	return err
}

// chooseSome decides for the copies that were selected since the last call.
func (r *restoration) chooseSome(ctx context.Context, conf *disk.ConfFacts) error {
	some := r.chosen
	r.chosen = r.chosen[:0]
	if err := r.look(some); err != nil {
		return err
	}
	for i := range some {
		if err := r.chooseOne(ctx, &some[i], conf); err != nil {
			return err
		}
	}
	return nil
}

// look looks into the queue on disk for copies.
func (r *restoration) look(some []candidate) error {
	var paths []string
	for i := range some {
		k := &some[i]
		switch k.last.Event {
		case copies.Restored:
		case copies.Placing, copies.Queued:
			paths = append(paths, r.to.EnvelopePath(k.last.As), r.c.Opts.Spool+"/incoming/"+k.last.As.Msg().String())
		default:
			paths = append(paths, r.to.EnvelopePath(k.ID))
		}
	}
	each, err := r.to.Look(paths)
	if err != nil {
		return command.FileError(err)
	}
	next := func() bool { // a file that cannot be accessed is not missing
		there := !errors.Is(each[0], fs.ErrNotExist)
		each = each[1:]
		return there
	}
	for i := range some {
		k := &some[i]
		switch k.last.Event {
		case copies.Restored:
		case copies.Placing, copies.Queued:
			k.queued, k.incoming = next(), next()
		default:
			k.queued = next()
		}
	}
	return nil
}

// chooseOne decides whether one copy is restored. That smtpd has not emptied its folder incoming
// since an interrupted restore says that the messages of that restore never got into the queue.
func (r *restoration) chooseOne(ctx context.Context, k *candidate, conf *disk.ConfFacts) error {
	unsure := func(why string) {
		if r.unsure++; r.unsure <= refusedShown {
			r.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v: an earlier restore was interrupted while it put this envelope back as %v, %s", k.ID, k.last.As, why)))
		}
	}
	last := k.last
	switch last.Event {
	case copies.Restored:
		r.before++
		return nil
	case copies.Placing, copies.Queued:
		switch {
		case last.Into != r.c.Opts.Host:
			unsure("into the queue of " + machine(last.Into) + ": give the command for that machine again")
			return nil
		case k.queued:
			r.late = append(r.late, landed{k.ID, last.As})
			return nil
		case last.Event == copies.Queued:
			r.before++
			return nil
		case !k.incoming:
			unsure("which is no longer in the queue: look that id up with show log")
			return nil
		}
	default:
		if k.queued {
			if there, err := r.stillQueued(ctx, k.ID); err != nil || there {
				return err
			}
		}
	}
	cause, err := disk.TroubleWithCopy(r.from, k.ID, conf)
	if err == nil && cause == "" && disk.Missing(r.from.MessagePath(k.ID.Msg())) {
		cause = "the copy of its message is missing"
	}
	switch {
	case err != nil:
		return disk.KeyError(r.c, err)
	case cause != "":
		if r.refused++; r.refused <= refusedShown {
			r.c.Warnf("%s", render.Safe(fmt.Sprintf("smtpctl: %v is not restored, smtpd would refuse it: %s", k.ID, cause)))
		}
		return nil
	}
	if last.Inflight {
		r.inflight++
	}
	if last.Event != "" && last.Host != r.c.Opts.Host {
		r.hosts[last.Host]++
	}
	r.plan = append(r.plan, k.ID)
	if r.c.Opts.DryRun {
		return r.list(&k.Envelope, false)
	}
	return nil
}
