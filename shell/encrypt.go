package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"

	"smtpctl/shell/prompt"
)

// Limits of passwords.
const (
	maxPassword     = 4096
	sha512Rounds    = 5000 // crypt(3)'s default, which its hashes do not name
	bcryptCost      = 12
	maxPasswordLine = 64 << 10
)

// runEncrypt hashes one password given as an argument, or all those on standard
// input, one a line.
func runEncrypt(ctx context.Context, c *Call) error {
	h, err := newHasher()
	if err != nil {
		return err
	}
	if len(c.args) > 0 {
		return c.encrypt(h, c.text(0))
	}
	if f, ok := c.in().(*os.File); ok && isTerminal(f) {
		password, err := c.askPassword(ctx, f)
		if err != nil {
			return err
		}
		return c.encrypt(h, password)
	}
	for line, err := range lines(ctx, c.in()) {
		if err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
		if err := c.encrypt(h, line); err != nil {
			return err
		}
	}
	return nil
}

// newHasher returns the hash that smtpctl's encrypt makes on this system: bcrypt
// on OpenBSD, crypt(3)'s SHA-512 elsewhere.
func newHasher() (algorithm.Hash, error) {
	if runtime.GOOS == "openbsd" {
		return bcrypt.New(bcrypt.WithCost(bcryptCost))
	}
	return shacrypt.New(shacrypt.WithVariant(shacrypt.VariantSHA512), shacrypt.WithIterations(sha512Rounds))
}

func (c *Call) encrypt(h algorithm.Hash, password string) error {
	switch {
	case strings.IndexByte(password, 0) >= 0:
		return errors.New("encrypt: a password must not hold a NUL")
	case len(password) > maxPassword:
		return fmt.Errorf("encrypt: the password has %d bytes, want at most %d", len(password), maxPassword)
	}
	d, err := h.Hash(password)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	_, err = fmt.Fprintln(c.out(), d.Encode())
	return err
}

// askPassword reads a password from a terminal without echo, twice.
func (c *Call) askPassword(ctx context.Context, f *os.File) (string, error) {
	ask := func(question string) (string, error) {
		fmt.Fprint(c.s.err, question)
		defer fmt.Fprintln(c.s.err)
		text, err := prompt.ReadSecret(ctx, f)
		if err != nil {
			return "", fmt.Errorf("encrypt: %w", err)
		}
		return text, nil
	}
	first, err := ask("password: ")
	if err != nil {
		return "", err
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

// lines yields the lines of r without their ends, until ctx ends. Reading goes
// on in a goroutine of its own, which a blocked r may outlive.
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
			sc.Buffer(nil, maxPasswordLine)
			for sc.Scan() {
				if !send(item{line: sc.Text()}) {
					return
				}
			}
			if err := sc.Err(); err != nil {
				if errors.Is(err, bufio.ErrTooLong) {
					err = fmt.Errorf("a line is longer than %d bytes", maxPasswordLine)
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
