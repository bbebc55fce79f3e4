package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"smtpctl/protocol/safefile"
)

// Bounds of what is read of another machine.
const (
	perRequest = 64       // paths
	maxNames   = 16 << 20 // bytes of the names in a folder
	maxStats   = 256 << 10
	maxIdle    = 2                // shells that wait for the next request
	logWait    = time.Minute      // for which what reads a log may be silent
	maxLogSlop = int64(256 << 20) // by which a log may grow while it is read
)

// Files are the files of a host. They implement safefile.Files with one shell there, which
// takes any number of requests at once; where ssh does not log in root, it is one of sudo
// or doas, if they allow that.
type Files struct {
	ctx    context.Context
	h      *Host
	socket string
	wait   time.Duration
	way    string // the only one to smtpd, as Options.Way has it; "" if none is set
}

// Files returns the files of the host, until ctx ends. Its ssh must run: nothing here starts
// it. What makes somebody root there is what does so for smtpd's socket, if that has been
// reached. timeout is for how long the machine may be silent.
func (h *Host) Files(ctx context.Context, socket string, timeout time.Duration) *Files {
	return &Files{ctx: ctx, h: h, socket: socket, wait: timeout}
}

// By makes what a set way uses, sudo or doas, the first that makes somebody root there.
func (f *Files) By(way string) *Files {
	f.way = way
	return f
}

// take returns a shell that waits, or a new one.
func (f *Files) take() (*fileShell, error) {
	l, err := f.h.connected(f.ctx, f.wait, Options{}, nil)
	if err != nil {
		return nil, f.h.fail(err)
	}
	f.h.mu.Lock()
	for n := len(f.h.shells); n > 0; n = len(f.h.shells) {
		s := f.h.shells[n-1]
		f.h.shells = f.h.shells[:n-1]
		if s.link == l {
			f.h.mu.Unlock()
			s.wait = f.wait
			return s, nil
		}
		s.Close()
	}
	w, as := f.h.ways[f.socket], []string{""}
	known := f.h.filesAs
	f.h.mu.Unlock()
	set, _ := cutWay(f.way)
	switch {
	case known != nil:
		as = []string{*known}
	case w != nil && w.as != "":
		as = []string{w.as, ""}
	case set != "":
		as = []string{set + " -n ", ""}
	case l.facts.UID != 0:
		as = nil
		for _, tool := range []string{"sudo", "doas"} {
			if l.facts.Tools[tool] {
				as = append(as, tool+" -n ")
			}
		}
		as = append(as, "")
	}
	var refused error
	for _, words := range as {
		s, err := l.openShell(f.ctx, words, f.wait)
		if err == nil {
			f.h.mu.Lock()
			f.h.filesAs = &s.as
			if words == "" && l.facts.UID != 0 {
				f.h.refused = refused
			}
			f.h.mu.Unlock()
			return s, nil
		}
		if refused == nil {
			refused = err
		}
		if f.ctx.Err() != nil || l.ended() || words == "" {
			return nil, f.h.fail(err)
		}
	}
	return nil, f.h.fail(refused)
}

// done gives a shell back.
func (f *Files) done(s *fileShell) {
	f.h.mu.Lock()
	keep := !s.dead && len(s.buf) == 0 && f.ctx.Err() == nil && len(f.h.shells) < maxIdle
	if keep {
		f.h.shells = append(f.h.shells, s)
	}
	f.h.mu.Unlock()
	if !keep {
		s.Close()
	}
}

// ask sends requests, and lets read take in the answers meanwhile.
func (f *Files) ask(wait time.Duration, requests []string, read func(s *fileShell) error) error {
	s, err := f.take()
	if err != nil {
		return err
	}
	s.wait = wait
	stop := s.ending(f.ctx)
	sent := make(chan error, 1)
	go func() {
		for _, r := range requests {
			// What is read meanwhile may keep the shell from taking more, however long it takes.
			s.SetWriteDeadline(time.Time{})
			if _, err := io.WriteString(s, r+"\n"); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	err = read(s)
	stop()
	var mine *takeError
	switch {
	case errors.As(err, &mine):
		s.dead = true
		err = mine.error
	case err != nil:
		err = f.h.fail(s.why(f.ctx, err))
	}
	if s.dead {
		s.Close() // which ends what writes
	}
	<-sent
	f.done(s)
	return err
}

// A takeError is one of who takes what is read.
type takeError struct{ error }

// Unwrap returns it.
func (e *takeError) Unwrap() error { return e.error }

// given returns an error of who takes what is read.
func given(err error) error {
	if err == nil {
		return nil
	}
	return &takeError{err}
}

// requests returns the lines of a request for many paths.
func requests(words string, paths []string) []string {
	var out []string
	for some := range slices.Chunk(paths, perRequest) {
		out = append(out, words+" "+strings.Join(some, " "))
	}
	return out
}

// checkPath refuses what must not become a word of a request.
func checkPath(p string) error {
	if err := Path(p); err != nil {
		return fmt.Errorf("%q: %w", p, err)
	}
	if p != path.Clean(p) {
		return fmt.Errorf("%q: expected a path in which no folder is named by dots", p)
	}
	return nil
}

// beneath returns the words that name paths beneath root.
func beneath(root string, paths []string) (string, []string, error) {
	if root != "" {
		if err := checkPath(root); err != nil {
			return "", nil, err
		}
	}
	rels := make([]string, len(paths))
	for i, p := range paths {
		if err := checkPath(p); err != nil {
			return "", nil, err
		}
		rest, ok := strings.CutPrefix(p, root)
		switch {
		case root == "":
			rels[i] = p
		case !ok || rest != "" && rest[0] != '/':
			return "", nil, fmt.Errorf("%q: expected a path beneath %s", p, root)
		case rest == "":
			rels[i] = "."
		default:
			rels[i] = rest[1:]
		}
	}
	if root == "" {
		root = "-"
	}
	return root, rels, nil
}

// Names implements safefile.Files.
func (f *Files) Names(root string, paths []string, take func(i int, names []string, whole bool, err error) error) error {
	root, rels, err := beneath(root, paths)
	if err != nil {
		return f.h.fail(err)
	}
	return f.ask(f.wait, requests("n "+root, rels), func(s *fileShell) error {
		for i, p := range paths {
			text, letter, err := s.part(f.ctx, maxNames)
			if errors.Is(err, ErrTooMuch) {
				return given(take(i, nil, false, nil))
			} else if err != nil {
				return err
			}
			if err := given(take(i, namesOf(text), true, f.letterError(letter, p, true))); err != nil {
				return err
			}
		}
		return nil
	})
}

// namesOf returns the names in what was printed for a folder: a pattern that no name matches
// is printed itself.
func namesOf(text []byte) []string {
	var names []string
	for line := range bytes.Lines(text) {
		name := string(bytes.TrimSuffix(line, []byte("\n")))
		switch name = name[strings.LastIndexByte(name, '/')+1:]; name {
		case "*", ".[!.]*", "..?*":
		default:
			names = append(names, name)
		}
	}
	return names
}

// Read implements safefile.Files.
func (f *Files) Read(root string, paths []string, most int, take func(i int, data []byte, info safefile.Info, err error) error) error {
	words, rels, err := beneath(root, paths)
	if err != nil {
		return f.h.fail(err)
	}
	return f.ask(f.wait, requests("r "+strconv.Itoa(most)+" "+words, rels), func(s *fileShell) error {
		for at := 0; at < len(paths); at += perRequest {
			some := paths[at:min(at+perRequest, len(paths))]
			infos, err := f.infos(s)
			if err != nil {
				return err
			}
			for i, p := range some {
				data, letter, err := s.part(f.ctx, most)
				if err != nil {
					return err
				}
				info, known := infos[p]
				ferr := f.letterError(letter, p, false)
				if ferr == nil && (!known || int64(len(data)) != min(info.Size, int64(most))) {
					ferr = &fs.PathError{Op: "read", Path: p, Err: errChanged}
				}
				if err := given(take(at+i, data, info, ferr)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Stat implements safefile.Files.
func (f *Files) Stat(follow bool, paths []string, take func(i int, info safefile.Info, err error) error) error {
	if _, _, err := beneath("", paths); err != nil {
		return f.h.fail(err)
	}
	flag, op := "-", "lstat"
	if follow {
		flag, op = "-L", "stat"
	}
	return f.ask(f.wait, requests("s "+flag, paths), func(s *fileShell) error {
		for at := 0; at < len(paths); at += perRequest {
			infos, err := f.infos(s)
			if err != nil {
				return err
			}
			for i, p := range paths[at:min(at+perRequest, len(paths))] {
				_, letter, err := s.part(f.ctx, 0)
				if err != nil {
					return err
				}
				info, known := infos[p]
				var ferr error
				if !known {
					if ferr = f.letterError(letter, p, false); ferr == nil {
						ferr = &fs.PathError{Path: p, Err: fs.ErrNotExist} // it has come or gone just now
					}
					ferr.(*fs.PathError).Op = op
				}
				if err := given(take(at+i, info, ferr)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// infos reads what stat(1) has printed of files.
func (f *Files) infos(s *fileShell) (map[string]safefile.Info, error) {
	text, _, err := s.part(f.ctx, maxStats)
	if err != nil {
		return nil, err
	}
	out := map[string]safefile.Info{}
	for line := range strings.Lines(string(text)) {
		words := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 6)
		if len(words) < 6 {
			return nil, errOther
		}
		mode, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(words[0]), "0x"), 16, 32)
		var n [4]int64
		for i := range n {
			var nerr error
			if n[i], nerr = strconv.ParseInt(words[i+1], 10, 64); nerr != nil {
				err = nerr
			}
		}
		if err != nil {
			return nil, errOther
		}
		out[words[5]] = safefile.Info{Mode: uint32(mode), UID: uint32(n[0]), Size: n[1], Modified: n[2], Changed: n[3]}
	}
	return out, nil
}
