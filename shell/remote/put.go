package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/render"
)

// Bounds of a putter.
const (
	maxPutText = 1 << 20         // bytes of an answer, which has a dot for each piece of a long file
	moveGrace  = 5 * time.Second // for which the end of a context waits for an answer to Move
)

// A putter is a safefile.Putter: a shell that puts folders into smtpd's spool folder.
type putter struct {
	f   *Files
	s   *fileShell
	dir string
	how string // it writes to the disk: f for single files, a for all disks, n for not at all
}

// Putter starts what puts folders into the spool folder dir there.
func (f *Files) Putter(dir string) (safefile.Putter, error) {
	if err := checkPath(dir); err != nil {
		return nil, f.h.fail(err)
	}
	reader, err := f.take() // with the rights that have been found
	if err != nil {
		return nil, err
	}
	f.done(reader)
	s, letter, how, err := reader.link.startShell(f.ctx, reader.as, putScript, dir+"\n", f.wait)
	if err != nil {
		return nil, f.h.fail(err)
	}
	s.does = "writes"
	p := &putter{f, s, dir, how}
	switch letter {
	case '.':
		return p, nil
	case 'o':
		err = fmt.Errorf("%s/queue: the sh(1) there cannot tell its owner", dir)
	case 'x':
		err = fmt.Errorf("%s/incoming and %s/queue are on different file systems: nothing can be moved between them in one step", dir, dir)
	default:
		err = f.letterError(letter, how, true)
	}
	s.Close()
	return nil, f.h.fail(err)
}

// Close implements safefile.Putter.
func (p *putter) Close() { p.s.Close() }

// Unsynced implements safefile.Putter.
func (p *putter) Unsynced() string {
	if p.how != "n" {
		return ""
	}
	return "there is no sync(1)"
}

// isName reports whether a word is 8 hex digits, as the names of the folders of messages are.
func isName(word string) bool { return len(word) == 8 && strings.Trim(word, "0123456789abcdef") == "" }

// checkNames refuses what must not become a word of a request.
func checkNames(names []string) error {
	for _, name := range names {
		if !isName(name) {
			return fmt.Errorf("%q: expected 8 hex digits", name)
		}
	}
	return nil
}

// Write implements safefile.Putter.
func (p *putter) Write(folders []safefile.NewFolder, took func(i int, name string)) error {
	for _, folder := range folders {
		if err := checkNames(folder.Names); err != nil {
			return err
		}
		for _, file := range folder.Files {
			if file.Follows != isName(file.Name) || !file.Follows && file.Name != "message" {
				return fmt.Errorf("%q: expected the name of a file of a queue", file.Name)
			}
		}
	}
	err := p.write(folders, took)
	if err == nil {
		if err = p.s.send("k\n"); err != nil {
			return p.lost(p.f.ctx, err)
		}
		defer p.s.ending(p.f.ctx)()
		if _, err = p.answer(p.f.ctx, ""); err != nil {
			p.s.dead = true
			p.s.Close()
		}
	}
	return err
}

// write is Write that has the folders deleted if nothing follows.
func (p *putter) write(folders []safefile.NewFolder, took func(i int, name string)) error {
	stop := p.s.ending(p.f.ctx)
	sent := make(chan error, 1)
	go func() {
		err := p.send(folders)
		if err != nil {
			p.s.UnixConn.Close() // in the middle of a file: the shell there deletes the folders
		}
		sent <- err
	}()
	err := func() error {
		for i := range folders {
			name, err := p.answer(p.f.ctx, "")
			if err != nil {
				return err
			}
			if !isName(name) {
				return p.lost(p.f.ctx, errOther)
			}
			took(i, name)
		}
		_, err := p.answer(p.f.ctx, "")
		return err
	}()
	stop()
	if err != nil {
		p.s.dead = true
		p.s.Close() // which ends what sends
	}
	var mine *takeError
	if serr := <-sent; errors.As(serr, &mine) {
		p.s.dead = true
		p.s.Close()
		return mine.error
	} else if err == nil && serr != nil {
		err = p.lost(p.f.ctx, serr)
	}
	return err
}

// send sends a request to make folders. An error of a file that is read here is a takeError.
func (p *putter) send(folders []safefile.NewFolder) error {
	p.s.SetWriteDeadline(time.Time{}) // the shell takes as long as it needs; answers tell that it lives
	for _, folder := range folders {
		if _, err := fmt.Fprintf(p.s, "m %d %s\n", len(folder.Files), strings.Join(folder.Names, " ")); err != nil {
			return err
		}
		for _, file := range folder.Files {
			if err := p.sendFile(&file); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(p.s, "e\n")
	return err
}

// sendFile sends a file, and fails if it has more or less bytes than it said.
func (p *putter) sendFile(file *safefile.NewFile) error {
	in, size, err := file.Open()
	if err != nil {
		return given(err)
	}
	defer in.Close()
	name := file.Name
	if file.Follows {
		name = "+" + name
	}
	if _, err := fmt.Fprintf(p.s, "%s %d\n", name, size); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for left := size; ; {
		if err := context.Cause(p.f.ctx); err != nil {
			return given(err)
		}
		n, err := in.Read(buf)
		if left -= int64(n); left < 0 || err == io.EOF && left > 0 {
			return given(errChanged)
		}
		if n > 0 {
			if _, err := p.s.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return given(err)
		}
	}
}

// answer reads an answer, and returns its last line. The error of one that failed is of the
// file path, or of what the text names.
func (p *putter) answer(ctx context.Context, path string) (line string, err error) {
	text, letter, err := p.s.part(ctx, maxPutText)
	if err != nil {
		return "", p.lost(ctx, err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if letter == '.' {
		return lines[len(lines)-1], nil
	}
	if letter != 'f' {
		return "", p.lost(ctx, errOther)
	}
	if path == "" {
		path = p.dir + "/incoming"
	}
	return "", p.f.h.fail(p.there(path, lines))
}

// lost returns what an error of the shell comes from.
func (p *putter) lost(ctx context.Context, err error) error {
	err = p.f.h.fail(p.s.why(ctx, err))
	p.s.Close()
	return err
}

// systemErrors are errors of the system that programs there may name at the ends of their lines.
var systemErrors = []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EACCES, unix.EPERM, unix.EIO, unix.ENOENT, unix.EEXIST, unix.EMLINK, unix.EXDEV, unix.ENOTEMPTY, unix.EFBIG}

// there returns the error of what was tried with a path, from what programs there have said.
func (p *putter) there(path string, lines []string) error {
	said := "it failed there"
	for _, line := range lines {
		line = strings.TrimSpace(line)
		for _, errno := range systemErrors {
			if end := len(line) - len(errno.Error()); end >= 0 && strings.EqualFold(line[end:], errno.Error()) {
				err := error(errno)
				if errno == unix.EACCES || errno == unix.EPERM {
					err = p.f.h.denied()
				}
				return &fs.PathError{Op: "write", Path: path, Err: err}
			}
		}
		if line != "" && line != "." && said == "it failed there" {
			said = render.Bound(render.Safe(line), maxWordLine)
		}
	}
	return &fs.PathError{Op: "write", Path: path, Err: errors.New(said)}
}

// Move implements safefile.Putter. The end of the context of the files keeps it from beginning,
// and later only from waiting longer than moveGrace.
func (p *putter) Move(names []string) (moved int, sure bool, err error) {
	if err := checkNames(names); err != nil {
		return 0, true, err
	}
	ctx, stop, err := p.beyond()
	if err != nil {
		return 0, true, err
	}
	defer stop()
	return p.inOrder(ctx, "c "+strings.Join(names, " ")+"\n", len(names), func(i int) string {
		return p.dir + "/queue/" + names[i][:2] + "/" + names[i]
	})
}

// inOrder has the shell there do a request for n files, one after the other until one fails, and
// then sync them. path returns the path of a file, for the error. done is how many succeeded; if
// sure is false, this may not be on the disk, and more may have been done.
func (p *putter) inOrder(ctx context.Context, request string, n int, path func(i int) string) (done int, sure bool, err error) {
	if err := p.s.send(request); err != nil {
		return 0, false, p.lost(ctx, err)
	}
	var failed error
	for done < n && failed == nil {
		if _, failed = p.answer(ctx, path(done)); failed == nil {
			done++
		} else if p.s.dead {
			return done, false, failed
		}
	}
	if _, err := p.answer(ctx, p.dir+"/queue"); err != nil {
		return done, false, both(failed, err)
	}
	return done, true, failed
}

// Drop implements safefile.Putter, also after the end of the context of the files.
func (p *putter) Drop(names []string) error {
	if err := checkNames(names); err != nil || len(names) == 0 {
		return err
	}
	if p.s.dead {
		return os.ErrClosed
	}
	ctx := context.WithoutCancel(p.f.ctx)
	if err := p.s.send("d " + strings.Join(names, " ") + "\n"); err != nil {
		return p.lost(ctx, err)
	}
	_, err := p.answer(ctx, "")
	return err
}

var _ safefile.Putter = (*putter)(nil)
