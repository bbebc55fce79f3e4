package spool

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
)

// asideFolders are the folders beside the queue, in smtpd's spool folder (queue_fs.c,
// smtpd.h): mail that is being received, files that are being written, mail that is
// being deleted, mail that was damaged, and mail that was submitted without smtpd.
var asideFolders = []string{"corrupt", "incoming", "offline", "purge", "temporary"}

// An Aside is a file or folder beside the queue.
type Aside struct {
	Folder string // such as incoming
	Path   string
	// Changed is when the file was put there or changed, in seconds since 1970. A moved
	// file keeps the time of its last modification, which may be long ago.
	Changed int64
}

// asideBuffers limits how many names of one folder are read, to some 200,000.
const asideBuffers = 1000

// Asides calls f with the files and folders beside the queue, sorted by their paths. A
// missing folder counts as empty. whole is false if there were more.
func (s *Spool) Asides(f func(Aside)) (whole bool, err error) {
	root := *s
	root.queue = filepath.Dir(s.queue)
	whole = true
	for _, folder := range asideFolders {
		dir := filepath.Join(root.queue, folder)
		names, all, err := root.readDir(dir, nil, asideBuffers)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return false, err
		}
		whole = whole && all
		slices.Sort(names)
		if s.far != nil {
			if err := s.asidesFar(folder, dir, names, f); err != nil {
				return false, err
			}
			continue
		}
		for _, name := range names {
			path := filepath.Join(dir, name)
			var st unix.Stat_t
			if unix.Lstat(path, &st) == nil {
				f(Aside{folder, path, int64(st.Ctim.Sec)})
			}
		}
	}
	return whole, nil
}

// asidesFar gives the files and folders beside the queue of another machine.
func (s *Spool) asidesFar(folder, dir string, names []string, f func(Aside)) error {
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
	}
	if len(paths) == 0 {
		return nil
	}
	return s.far.files.Stat(false, paths, func(i int, info safefile.Info, err error) error {
		if err == nil {
			f(Aside{folder, paths[i], info.Changed})
		}
		return nil
	})
}
