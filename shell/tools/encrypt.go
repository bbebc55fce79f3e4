package tools

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"smtpctl/shell/command"
)

// maxInputLine is the longest line that encrypt and spf walk read from standard input,
// in bytes without its newline. OpenSMTPD's smtpctl reads lines of any length.
const maxInputLine = 64 << 10

// A HashJSON is the JSON form of a hash.
type HashJSON struct {
	Scheme string `json:"scheme"`
	Hash   string `json:"hash"`
}

// A VerifiedJSON is the JSON form of encrypt --verify: whether a password matches.
type VerifiedJSON struct {
	Match bool `json:"match"`
}

// checkEncrypt checks the options of encrypt and chooses the scheme.
func checkEncrypt(c *command.Call) error {
	if c.Opts.Verify == "" {
		s, _, err := chosenScheme(&c.Opts)
		if err == nil {
			c.Opts.Scheme = s.name // the sandbox may soon hide the helper that tells it
		}
		return err
	}
	if c.Opts.Scheme != "" || c.Opts.Cost != 0 {
		return command.Usagef("encrypt: --verify takes the scheme and the cost from the hash")
	}
	if _, err := parseHash(c.Opts.Verify); err != nil {
		return command.Usagef("encrypt: --verify: %w", err)
	}
	return nil
}

// runEncrypt hashes passwords, or verifies them: one given as an argument, one
// typed, or all those on standard input, one a line.
func runEncrypt(ctx context.Context, c *command.Call) error {
	work, end, err := passwordWork(c)
	if err != nil {
		return err
	}
	err = eachPassword(ctx, c, func(password string) error {
		if err := checkPassword(password); err != nil {
			return err
		}
		return work(password)
	})
	if err != nil {
		return err
	}
	return end()
}

// passwordWork returns the function that hashes or verifies a password, and the function
// to call after the last one.
func passwordWork(c *command.Call) (work func(string) error, end func() error, err error) {
	if c.Opts.Verify != "" {
		return verifyWork(c)
	}
	s, cost, err := chosenScheme(&c.Opts)
	if err != nil {
		return nil, nil, err
	}
	h, err := s.hash(cost)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt: %w", err)
	}
	return func(password string) error {
		d, err := h.Hash(password)
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		return c.Print(command.Record{JSON: HashJSON{s.name, d.Encode()}, Text: d.Encode() + "\n"})
	}, func() error { return nil }, nil
}

// verifyWork is passwordWork for --verify.
func verifyWork(c *command.Call) (work func(string) error, end func() error, err error) {
	d, err := parseHash(c.Opts.Verify)
	if err != nil {
		return nil, nil, fmt.Errorf("encrypt: --verify: %w", err)
	}
	tried, wrong := 0, 0
	return func(password string) error {
			tried++
			match, err := d.MatchAdvanced(password)
			if err != nil {
				return fmt.Errorf("encrypt: %w", err)
			}
			text := "match\n"
			if !match {
				wrong++
				text = "no match\n"
			}
			return c.Print(command.Record{JSON: VerifiedJSON{match}, Text: text})
		}, func() error {
			switch {
			case tried == 0:
				return errors.New("encrypt: no password on standard input")
			case wrong > 0:
				return errors.New("encrypt: the password does not match the hash")
			}
			return nil
		}, nil
}

// eachPassword calls work with the password of the argument, with one typed on the
// terminal, or with each line of standard input.
func eachPassword(ctx context.Context, c *command.Call, work func(string) error) error {
	if len(c.Args) > 0 {
		if !c.Mode.Lines() {
			c.Warnf("smtpctl: encrypt: other users can see this password in ps(1): pass it on standard input instead, or type it when asked")
		}
		return work(c.Text(0))
	}
	if c.Secret != nil {
		password, err := askPassword(ctx, c)
		if err != nil {
			return err
		}
		return work(password)
	}
	for line, err := range lines(ctx, c.In) {
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		if err := work(line); err != nil {
			return err
		}
	}
	return nil
}

// askPassword reads a password from a terminal without echo: twice if it is hashed, once
// for --verify.
func askPassword(ctx context.Context, c *command.Call) (string, error) {
	ask := func(question string) (string, error) {
		text, err := c.Secret(ctx, question)
		if err != nil {
			return "", fmt.Errorf("encrypt: %w", err)
		}
		return text, nil
	}
	first, err := ask("password: ")
	if err != nil {
		return "", err
	}
	if c.Opts.Verify != "" {
		return first, nil
	}
	second, err := ask("again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("encrypt: the two passwords differ, nothing done")
	}
	return first, nil
}

// lines yields the lines of r without their ends, up to an error, a line longer than
// maxInputLine or the end of ctx, each of which it yields as an error. A goroutine reads
// r; it stays behind if r blocks when the loop or ctx ends.
func lines(ctx context.Context, r io.Reader) func(func(string, error) bool) {
	type item struct {
		line string
		err  error
	}
	return func(yield func(string, error) bool) {
		ch := make(chan item)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			defer close(ch)
			send := func(i item) bool {
				select {
				case ch <- i:
					return true
				case <-stop:
					return false
				}
			}
			sc := bufio.NewScanner(r)
			sc.Buffer(nil, maxInputLine+1) // a Scanner needs room for the newline
			for sc.Scan() {
				if !send(item{line: sc.Text()}) {
					return
				}
			}
			if err := sc.Err(); err != nil {
				if errors.Is(err, bufio.ErrTooLong) {
					err = fmt.Errorf("a line is longer than %d bytes", maxInputLine)
				}
				send(item{err: err})
			}
		}()
		for {
			select {
			case i, ok := <-ch:
				if !ok || !yield(i.line, i.err) || i.err != nil {
					return
				}
			case <-ctx.Done():
				yield("", ctx.Err())
				return
			}
		}
	}
}
