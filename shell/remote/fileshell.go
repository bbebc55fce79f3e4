package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A fileShell is a shell on another machine that reads files there. It carries out one
// request after the other.
type fileShell struct {
	*program
	link  *link
	as    string
	token []byte
	wait  time.Duration // for which it may be silent

	buf  []byte // what came and has not been taken
	dead bool   // an answer was not taken to its end
	does string // with files: reads or writes
}

// maxLine is how long the letter behind a token may be.
const maxLine = 8

// errSilent means that the machine did not go on answering.
type errSilent struct {
	wait time.Duration
	when string
}

func (e *errSilent) Error() string { return fmt.Sprintf("no answer within %v %s", e.wait, e.when) }

// Unwrap says that the machine cannot be reached, and that a deadline has passed.
func (e *errSilent) Unwrap() []error { return []error{ErrUnreachable, os.ErrDeadlineExceeded} }

// errNoStat means that the machine lacks a program.
var errNoStat = errors.New("there is no stat(1) by which files could be looked at")

// errOther means that what came is no answer.
var errOther = errors.New("the shell there did not answer as sh(1) does")

// openShell starts a shell that reads files after the words of as, and waits until it is ready.
func (l *link) openShell(ctx context.Context, as string, wait time.Duration) (*fileShell, error) {
	// The answer to a request without paths is that it is ready.
	s, letter, _, err := l.startShell(ctx, as, filesScript, "s -\n", wait)
	if err == nil && letter != '.' {
		if err = errOther; letter == 'x' {
			err = errNoStat
		}
		s.Close()
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// startShell starts a shell that carries out a script after the words of as, gives it its first
// lines, and returns the letter and the text of its first answer.
func (l *link) startShell(ctx context.Context, as, script, first string, wait time.Duration) (s *fileShell, letter byte, text string, err error) {
	p, err := l.open(as + startFiles)
	if err != nil {
		return nil, 0, "", err
	}
	s = &fileShell{program: p, link: l, as: as, token: []byte(rand.Text() + rand.Text()), wait: wait, does: "reads"}
	defer s.ending(ctx)()
	var body []byte
	if err = s.send(script+".\n", string(s.token)+"\n", first); err == nil {
		body, letter, err = s.part(ctx, maxFacts)
	}
	if err != nil {
		err = s.why(ctx, err)
		s.Close()
		return nil, 0, "", err
	}
	return s, letter, strings.TrimSuffix(string(body), "\n"), nil
}

// ending makes the end of ctx end what is read, until the function that it returns is
// called.
func (s *fileShell) ending(ctx context.Context) (stop func()) {
	after := context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })
	return func() { after() }
}

// send writes requests, in the time in which the shell may be silent.
func (s *fileShell) send(texts ...string) error {
	s.SetWriteDeadline(time.Now().Add(s.wait))
	for _, text := range texts {
		if _, err := io.WriteString(s, text); err != nil {
			return err
		}
	}
	return nil
}

// fill waits for more.
func (s *fileShell) fill(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.SetReadDeadline(time.Now().Add(s.wait))
	if ctx.Err() != nil { // it ended before the deadline that lets the end be noticed was replaced
		return context.Cause(ctx)
	}
	at := len(s.buf)
	if cap(s.buf)-at < 32<<10 {
		s.buf = append(make([]byte, 0, 2*at+64<<10), s.buf...)
	}
	n, err := s.Read(s.buf[at : at+32<<10])
	s.buf = s.buf[:at+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// some returns bytes of a part that have come, which are valid until the next call, or at
// its end its letter.
func (s *fileShell) some(ctx context.Context) (body []byte, letter byte, err error) {
	for {
		i := bytes.Index(s.buf, s.token)
		switch {
		case i > 0:
			body, s.buf = s.buf[:i], s.buf[i:]
			return body, 0, nil
		case i == 0:
			if end := bytes.IndexByte(s.buf, '\n'); end > len(s.token)+1 {
				letter, s.buf = s.buf[len(s.token)+1], s.buf[end+1:]
				return nil, letter, nil
			} else if len(s.buf) > len(s.token)+maxLine {
				return nil, 0, errOther
			}
		default:
			if n := len(s.buf) - len(s.token) + 1; n > 0 {
				body, s.buf = s.buf[:n], s.buf[n:]
				return body, 0, nil
			}
		}
		if err := s.fill(ctx); err != nil {
			return nil, 0, err
		}
	}
}

// part returns a whole part of an answer, of most bytes at most.
func (s *fileShell) part(ctx context.Context, most int) (body []byte, letter byte, err error) {
	for {
		some, letter, err := s.some(ctx)
		if err != nil || letter != 0 {
			return body, letter, err
		}
		if len(body)+len(some) > most {
			return nil, 0, ErrTooMuch
		}
		body = append(body, some...)
	}
}

// why returns what an error of the shell comes from.
func (s *fileShell) why(ctx context.Context, err error) error {
	s.dead = true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &errSilent{s.wait, "while files were " + map[string]string{"reads": "read", "writes": "written"}[s.does] + " there"}
	case errors.Is(err, ErrTooMuch), errors.Is(err, errNoStat), errors.Is(err, errOther), errors.Is(err, errNotBegun):
		return err
	}
	if why := s.link.endedSoon(); why != nil {
		return why
	}
	return s.said(strings.TrimSpace(s.as+"sh"), fmt.Errorf("%w: what %s files there has ended: %w", ErrUnreachable, s.does, err))
}
