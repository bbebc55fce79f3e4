package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Limits of scripts.
const (
	maxLine  = 1 << 20 // bytes in one line
	maxDepth = 16      // of source within source
)

func runExit(context.Context, *command.Call) error { return command.ErrExit }

func runSource(ctx context.Context, c *command.Call) error {
	return c.Host.(*Session).runFile(ctx, c.Text(0), false)
}

// runFile runs or checks the script in a file; - is standard input.
func (s *Session) runFile(ctx context.Context, name string, check bool) error {
	if s.mode == command.OneShot {
		s.mode = command.FromFile
	}
	if name == "-" && s.depth == 0 {
		s.mode = command.FromStdin
		return s.runScript(ctx, "stdin", s.io.In, check)
	}
	if s.depth >= maxDepth {
		return fmt.Errorf("source %q: nested more than %d deep", name, maxDepth)
	}
	f, err := openStream(ctx, name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	s.depth++
	defer func() { s.depth-- }()
	return s.runScript(ctx, name, f, check)
}

// runScript evaluates the lines of r. It stops at the first line that fails or, if the
// session keeps going, continues to the end and returns the first failure. Every error
// is printed when it occurs, with its place.
func (s *Session) runScript(ctx context.Context, name string, r io.Reader, check bool) (err error) {
	before := s.carriedOut
	in := bufio.NewReaderSize(r, 64<<10)
	var first error
	defer func() { err = s.partlyDone(err, before) }()
	for last := 0; ; {
		line, lines, err := readLines(in)
		if err == io.EOF {
			return first
		}
		n := last + 1 // where it begins
		last += lines
		if n == 1 {
			line = strings.TrimPrefix(line, command.ByteOrderMark)
		}
		if err == nil {
			err = s.scriptLine(ctx, line, check)
		} else {
			err = &command.PlacedError{File: name, Line: n, Err: err}
			printError(s.err, s.style, err)
			fmt.Fprintf(s.err, "%s: nothing from line %d on was carried out\n", render.Safe(name), n)
			return &command.ReportedError{Err: err}
		}
		if errors.Is(err, command.ErrExit) {
			return first
		}
		if err != nil {
			var done *command.ReportedError
			if !errors.As(err, &done) {
				s.out.Flush()
				err = &command.PlacedError{File: name, Line: n, Err: err}
				printError(s.err, s.style, err)
				err = &command.ReportedError{Err: err}
			}
			if first == nil {
				first = err
			}
			if ctx.Err() != nil || !check && !s.keepGoing {
				if rest := s.notCarriedOut(in, r, last); rest != "" {
					fmt.Fprintf(s.err, "%s: %s not carried out\n", render.Safe(name), rest)
				}
				return first
			}
		}
	}
}

// scriptLine evaluates or checks one line.
func (s *Session) scriptLine(ctx context.Context, line string, check bool) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	s.unevaluated = false
	parsed := s.parser().Parse(line)
	if !check || parsed.Err != nil {
		return s.evalLine(ctx, parsed)
	}
	for _, lc := range parsed.Commands {
		c, err := s.parseCommand(lc)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		if s.noteListing(c); c.Listing != nil {
			s.last = c.Listing // which shows nothing now, but will
		}
		if c.Cmd.Sources {
			if err := s.runFile(ctx, c.Text(0), true); err != nil {
				return err
			}
		}
	}
	return nil
}

// readLines reads a line of a script, and those that it goes on in. They count as one.
func readLines(r *bufio.Reader) (line string, n int, err error) {
	line, err = readLine(r)
	n = 1
	for err == nil && cmdline.UnfinishedInScript(line) {
		next, err := readLine(r)
		switch {
		case err == io.EOF:
			return line, n, nil // the error is that of the line
		case err != nil:
			return "", n, err
		}
		n++
		if line = cmdline.Join(line, next); len(line) > maxLine {
			return "", n, fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
	}
	return line, n, err
}

// readLine reads one line without its end. The error is io.EOF when there is
// none left.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return "", fmt.Errorf("a line is longer than %d bytes", maxLine)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && len(line) > 0:
		case err != nil:
			return "", err
		}
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		return string(line), nil
	}
}
