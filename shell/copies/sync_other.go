//go:build !linux

package copies

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"smtpctl/protocol/safefile"
)

// freeAt returns the largest number, because this system is not asked how many bytes
// are free.
func freeAt(string) (int64, error) { return math.MaxInt64, nil }

// syncAll writes all files in a folder, and the folders in it, to the disk.
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
