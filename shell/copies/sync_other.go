//go:build !linux

package copies

import (
	"io/fs"
	"os"
	"path/filepath"

	"smtpctl/protocol/safefile"
)

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
