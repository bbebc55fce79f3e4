package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/render"
)

// defaultEditor is used where neither $VISUAL nor $EDITOR names another.
const defaultEditor = "vi"

// editLine lets the user edit a line in an editor, and returns the new line. If the editor
// fails or its text is refused, editLine prints the reason and returns false.
func (r *repl) editLine(line string) (string, bool) {
	out, err := r.s.editLine(r.over, line)
	if err != nil {
		fmt.Fprintln(r.s.err, render.Safe(fmt.Sprintf("Ctrl-X Ctrl-E: %v", command.FileError(err))))
		return "", false
	}
	return out, true
}

// editLine returns line as the user changed it in an editor, which is ended when ctx ends. A
// line that may contain a password is refused and never written to a file.
func (s *Session) editLine(ctx context.Context, line string) (string, error) {
	switch {
	case s.opts.Restricted:
		return "", errors.New("switched off by --restricted")
	case s.opts.ReadOnly:
		return "", errors.New("switched off by --read-only: an editor can run programs and write files")
	case s.mayHoldPassword(cmdline.Parse(line)):
		return "", errors.New("the line may hold a password, and is not written to a file")
	}
	path, remove, err := s.privateFile("line", line+"\n")
	if err != nil {
		return "", err
	}
	defer remove()
	program := cmp.Or(s.io.Env("VISUAL"), s.io.Env("EDITOR"), defaultEditor)
	cmd := exec.Command("sh", "-c", "exec "+program+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.io.In, s.io.Out, s.io.Err
	cmd.WaitDelay = quitGrace
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%s: %w", program, err)
	}
	if err := confine.WaitChild(ctx, cmd); err != nil {
		return "", fmt.Errorf("%s: %w: the line is left as it was", program, err)
	}
	f, err := safefile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLine+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxLine {
		return "", fmt.Errorf("the text is longer than %d bytes: the line is left as it was", maxLine)
	}
	edited, err := cmdline.OneLine(strings.ReplaceAll(string(text), "\t", " "))
	if err == nil && edited != render.Safe(edited) {
		err = errors.New("the text holds a character that cannot be typed")
	}
	if err != nil {
		return "", fmt.Errorf("%w: the line is left as it was", err)
	}
	return edited, nil
}

// privateFile creates a file with the given text in a new folder of its own, which no other
// user can read and in which an editor may create further files. remove deletes the folder.
func (s *Session) privateFile(name, text string) (path string, remove func(), err error) {
	var dir string
	s.cleanup.do(func() func() {
		if dir, err = os.MkdirTemp("", "smtpctl-"); err != nil {
			return nil
		}
		remove = sync.OnceFunc(func() { os.RemoveAll(dir) })
		return remove
	})
	if err != nil {
		return "", nil, err
	}
	at, err := safefile.OpenDir(dir)
	if err == nil {
		defer at.Close()
		var f *os.File
		if f, err = safefile.CreateAt(at, name, 0o600); err == nil {
			_, err = f.WriteString(text)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return filepath.Join(dir, name), remove, nil
}
