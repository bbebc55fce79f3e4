package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
)

// smtpdFolders are the folders in smtpd's spool whose content smtpd may delete.
var smtpdFolders = []string{"queue", "incoming", "corrupt", "temporary", "purge", "offline"}

// MakeSaveDir creates the folder that --save names, and those above it, and writes them
// to the disk. It refuses a folder in which smtpd deletes files.
func MakeSaveDir(dir, spoolDir string) error {
	var missing []string // the deepest first
	at := dir
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			f, err := safefile.OpenDir(at) // says what it is
			if err == nil {
				f.Close()
			}
			return err
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		missing = append(missing, at)
		parent := above(at)
		if parent == at {
			return err
		}
		at = parent
	}
	if err := outsideSpool(at, spoolDir); err != nil {
		return err
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := os.Mkdir(missing[i], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		parent, err := safefile.OpenDir(above(missing[i]))
		if err != nil {
			return err
		}
		err = SyncDir(parent)
		parent.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// above returns the folder that contains a path. Unlike filepath.Dir it does not
// resolve "..", because the part before it may be a symbolic link.
func above(path string) string {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "."
	}
	return path[:max(i, 1)]
}

// maxUp is how many bytes a path to the root may have.
const maxUp = 4000

// outsideSpool refuses a folder that is, or lies in, one of smtpd's folders.
func outsideSpool(dir, spoolDir string) error {
	// ".." leads to the parent even if symbolic links have led here.
	for at := dir; len(at) < maxUp; at += "/.." {
		info, err := os.Stat(at)
		if err != nil {
			return nil // some sandboxes hide what is above it; it has been looked at before
		}
		for _, name := range smtpdFolders {
			if theirs, err := os.Stat(filepath.Join(spoolDir, name)); err == nil && os.SameFile(info, theirs) {
				return fmt.Errorf("%s: smtpd deletes files in this folder: choose a folder outside %s", dir, spoolDir)
			}
		}
		if up, err := os.Stat(at + "/.."); err == nil && os.SameFile(info, up) {
			return nil // the root
		}
	}
	return nil
}

// CopyWhole copies a file that was just opened, and fails if its size changed meanwhile.
func CopyWhole(ctx context.Context, out io.Writer, in spool.File) error {
	size, err := in.Size()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	var n int64
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		k, err := in.Read(buf)
		if k > 0 {
			if _, err := out.Write(buf[:k]); err != nil {
				return err
			}
			n += int64(k)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name(), CauseOf(err))
		}
	}
	if n != size {
		return fmt.Errorf("%s: the file changed while it was copied", in.Name())
	}
	return nil
}

// SameContent reports whether two files that were just opened have the same content.
func SameContent(ctx context.Context, a, b spool.File) (bool, error) {
	sa, err := a.Size()
	if err != nil {
		return false, err
	}
	sb, err := b.Size()
	if err != nil || sa != sb {
		return false, err
	}
	bufs := [2][]byte{make([]byte, 64<<10), make([]byte, 64<<10)}
	for at := int64(0); at < sa; {
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		na, erra := io.ReadFull(a, bufs[0])
		nb, errb := io.ReadFull(b, bufs[1])
		for _, err := range []error{erra, errb} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return false, err
			}
		}
		if na == 0 || !bytes.Equal(bufs[0][:na], bufs[1][:nb]) {
			return false, nil
		}
		at += int64(na)
	}
	return true, nil
}

// CauseOf returns the cause of an error of the file system, without a path.
func CauseOf(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// SyncDir writes the names in a folder to the disk. Some file systems do not support
// that for a folder, and then it is not necessary.
func SyncDir(dir *os.File) error {
	err := dir.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}
