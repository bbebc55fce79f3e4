package spool

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"
	"runtime"
	"sync"

	"smtpctl/protocol"
)

// The limits of a walk.
const (
	jobMessages  = 64 // message folders that one worker reads in a row
	batchEntries = 64 // envelopes that it hands over at once
	jobBatches   = 4  // batches that wait for those of earlier folders
)

// An entry is an envelope, or the error for one that could not be read.
type entry struct {
	e   protocol.Envelope
	err error
}

// A job is a group of message folders to read, with a channel for their envelopes.
type job struct {
	top   string   // folder that holds them
	names []string // of the folders
	err   error    // instead of them
	out   chan []entry
}

// Envelopes yields the envelopes of the whole queue in the order of the file system,
// which is also the order of OpenSMTPD's smtpctl. Several files are read at a time, and
// memory does not grow with the queue. A file or folder that cannot be read, has
// vanished meanwhile or does not belong to the queue comes as an error, and the walk
// continues.
func (s *Spool) Envelopes(ctx context.Context) iter.Seq2[protocol.Envelope, error] {
	return func(yield func(protocol.Envelope, error) bool) {
		s, release := s.held()
		defer release() // once all workers have ended
		ctx, cancel := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		workers := 2 * runtime.GOMAXPROCS(0)
		todo, order := make(chan *job), make(chan *job, workers)
		wg.Go(func() {
			defer close(order)
			defer close(todo)
			s.plan(func(j *job) bool {
				j.out = make(chan []entry, jobBatches)
				if !sendOrDone(ctx, order, j) {
					return false
				}
				if !sendOrDone(ctx, todo, j) {
					close(j.out) // no worker will, and the reader may wait for it
					return false
				}
				return true
			})
		})
		for range workers {
			wg.Go(func() {
				buf := make([]byte, 0, fileBuffer)
				for j := range todo {
					s.readFolders(ctx, j, buf)
				}
			})
		}
		for j := range order {
			for batch := range j.out {
				for i := range batch {
					if !yield(batch[i].e, batch[i].err) {
						return
					}
				}
			}
			if err := ctx.Err(); err != nil {
				yield(protocol.Envelope{}, err)
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(protocol.Envelope{}, err) // it ended before all folders were named
		}
	}
}

// sendOrDone sends v unless ctx ends first, and reports whether it was sent.
func sendOrDone[T any](ctx context.Context, ch chan<- T, v T) bool {
	select {
	case ch <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

// tops returns the folders that contain the folders of messages, in the order of their
// names.
func (s *Spool) tops() ([]string, error) {
	if s.flat {
		return []string{s.queue}, nil
	}
	names, err := s.readNames(s.queue)
	var tops []string
	for _, name := range names {
		if len(name) == 2 && protocol.IsHex(name) {
			tops = append(tops, filepath.Join(s.queue, name))
		}
	}
	return tops, err
}

// plan splits the queue into jobs, in order.
func (s *Spool) plan(emit func(*job) bool) {
	if s.flat {
		s.planIn(s.queue, emit)
		return
	}
	tops, _, err := s.readDir(s.Queue(), nil, -1)
	if err != nil {
		emit(&job{err: err})
		return
	}
	for _, top := range tops {
		dir := filepath.Join(s.Queue(), top)
		if len(top) != 2 || !protocol.IsHex(top) {
			if !emit(&job{err: foreign(dir)}) {
				return
			}
			continue
		}
		if !s.planIn(dir, emit) {
			return
		}
	}
}

// planIn splits the message folders in a folder into jobs, and reports whether more
// jobs are wanted.
func (s *Spool) planIn(dir string, emit func(*job) bool) bool {
	names, _, err := s.readDir(dir, nil, -1)
	if err != nil {
		if !s.flat {
			err = vanished(dir, err)
		}
		if !emit(&job{err: err}) {
			return false
		}
	}
	for len(names) > 0 {
		n := min(len(names), jobMessages)
		if !emit(&job{top: dir, names: names[:n]}) {
			return false
		}
		names = names[n:]
	}
	return true
}

// readFolders carries out a job.
func (s *Spool) readFolders(ctx context.Context, j *job, buf []byte) {
	defer close(j.out)
	var spelt [16]byte // an id as smtpd writes it
	var batch []entry
	put := func(e protocol.Envelope, err error) bool {
		batch = append(batch, entry{e, err})
		if len(batch) < batchEntries {
			return true
		}
		ok := sendOrDone(ctx, j.out, batch)
		batch = nil
		return ok
	}
	if j.err != nil {
		put(protocol.Envelope{}, j.err)
	}
	for _, name := range j.names {
		dir := j.top + "/" + name
		msg, err := protocol.ParseMessageID(name)
		if s.flat && err != nil {
			continue
		}
		if err != nil || !s.flat && name[:2] != filepath.Base(j.top) {
			if !put(protocol.Envelope{}, foreign(dir)) {
				return
			}
			continue
		}
		files, _, err := s.readDir(dir, nil, -1)
		if err != nil && !put(protocol.Envelope{}, vanished(dir, err)) {
			return
		}
		for _, file := range files {
			if file == "message" {
				continue
			}
			id, err := protocol.ParseEnvelopeID(file)
			if err != nil || id.Msg() != msg || file != string(id.Append(spelt[:0])) {
				if !put(protocol.Envelope{}, foreign(dir+"/"+file)) {
					return
				}
				continue
			}
			e, err := s.readEnvelope(id, buf)
			if err != nil {
				err = vanished(dir+"/"+file, err)
			}
			if !put(e, err) {
				return
			}
		}
	}
	if len(batch) > 0 {
		sendOrDone(ctx, j.out, batch)
	}
}

// MessageEnvelopes yields the envelopes of one message as Envelopes does, but in
// the order of their ids.
func (s *Spool) MessageEnvelopes(msg protocol.MessageID) iter.Seq2[protocol.Envelope, error] {
	return func(yield func(protocol.Envelope, error) bool) {
		ids, err := s.MessageIDs(msg)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			yield(protocol.Envelope{}, err)
			return
		}
		for _, id := range ids {
			e, err := s.ReadEnvelope(id)
			if err != nil {
				err = vanished(s.EnvelopePath(id), err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
