package spool

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// asideFolders are the folders beside the queue, in smtpd's spool folder (queue_fs.c,
// smtpd.h): mail that is being received, files that are being written, mail that is
// being deleted, mail that was damaged, and mail that was submitted without smtpd.
var asideFolders = []string{"corrupt", "incoming", "offline", "purge", "temporary"}

// An Aside is a file or folder beside the queue.
type Aside struct {
	Folder string // such as incoming
	Path   string
	// Changed is when it came there or was changed, in seconds since 1970: what is moved
	// keeps the time of its last modification, which may be long ago.
	Changed int64
}

// asideBuffers bounds the names that are read of one folder: some 200,000.
const asideBuffers = 1000

// Asides calls f with what is in the folders beside the queue, sorted by their paths.
// A folder that is not there has nothing in it; whole is false if there was more.
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
