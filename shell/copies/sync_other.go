//go:build !linux

package copies

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"smtpctl/protocol/safefile"
)

// freeAt returns how many bytes are free where a folder is: as many as there can be,
// where that is not asked for.
func freeAt(string) (int64, error) { return math.MaxInt64, nil }

// syncAll puts all files in a folder, and the folders in it, onto the disk.
func syncAll(dir *os.File) error {
	return filepath.WalkDir(dir.Name(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		open := safefile.Open
		if d.IsDir() {
			open = safefile.OpenDir
		}
		f, err := open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return f.Sync()
	})
}
