package maillog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
)

// In makes the times of lines without a zone those of a clock that is so many seconds ahead
// of UTC. Where that is as far as that of this machine is now, theirs count as the same,
// with the times of the year at which they change.
func (r *Reader) In(seconds int) {
	if _, here := time.Now().Zone(); here != seconds {
		r.zone = time.FixedZone("", seconds)
	}
}

// FilesOn is Files for the logs of another machine.
func FilesOn(far command.FarFiles, dir string) ([]string, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = filepath.Join(dir, name)
	}
	first, full := "", ""
	err := far.Stat(true, paths, func(i int, info safefile.Info, err error) error {
		switch {
		case full != "" || err != nil || !info.Regular():
		case info.Size > 0:
			full = paths[i]
		case first == "":
			first = paths[i]
		}
		return nil
	})
	if full != "" {
		first = full
	}
	switch {
	case err != nil:
		return nil, err
	case first == "":
		return nil, ErrNone
	}
	var all []string
	folder := filepath.Dir(first)
	err = far.Names("", []string{folder}, func(_ int, names []string, _ bool, err error) error {
		for _, name := range names { // of a folder that may not be read there are none
			if path := filepath.Join(folder, name); strings.HasPrefix(path, first) {
				all = append(all, path)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return byAge(first, all), nil
}

// ReadFilesOn is Reader.ReadFiles for the logs of another machine.
func (r *Reader) ReadFilesOn(ctx context.Context, far command.FarFiles, paths []string, progress func(n int)) []error {
	var failed []error
	for _, path := range paths {
		err := r.readFileOn(ctx, far, path, 0, progress)
		if err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil || command.LostMachine(err) {
			break
		}
	}
	return failed
}

// readFileOn reads the last bytes of a log of another machine, or all.
func (r *Reader) readFileOn(ctx context.Context, far command.FarFiles, path string, last int64, progress func(n int)) error {
	f, info, err := far.Log(path, last)
	if err != nil {
		return err
	}
	defer f.Close()
	err = r.Read(ctx, f, time.Unix(info.Modified, 0), progress)
	var pe *fs.PathError
	if err != nil && !errors.As(err, &pe) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// LastTryOn is LastTry for the log of another machine. in is for how many seconds its clock
// is ahead of UTC; nil if that is not known.
func LastTryOn(ctx context.Context, far command.FarFiles, in *int, dir string, id protocol.EnvelopeID) *Event {
	files, err := FilesOn(far, dir)
	if err != nil {
		return nil
	}
	r := lastReader(id)
	if in != nil {
		r.In(*in)
	}
	if r.readFileOn(ctx, far, files[len(files)-1], tail, nil) != nil {
		return nil
	}
	return r.lastTry()
}
