package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"smtpctl/protocol/safefile"
	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// OpenSpool returns the queue on disk. If it is encrypted its key comes from
// --key-file, else from smtpd.conf, else from whoever is at the terminal.
func OpenSpool(ctx context.Context, c *command.Call) *spool.Spool {
	return spool.OpenWithKey(c.Opts.Spool, QueueKey(ctx, c))
}

// QueueKey returns what finds the key of an encrypted queue, once it is needed.
func QueueKey(ctx context.Context, c *command.Call) func() ([]byte, error) {
	return func() ([]byte, error) { return queueKey(ctx, c) }
}

// maxKeyFile is how much of a file is read to find that it holds no key.
const maxKeyFile = 4096

// queueKey finds the key of the queue.
func queueKey(ctx context.Context, c *command.Call) ([]byte, error) {
	if c.Opts.KeyFile != "" {
		key, err := safefile.ReadFile(ctx, c.Opts.KeyFile, maxKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			// Not wrapped: it is no file of the queue that is missing.
			return nil, fmt.Errorf("--key-file: %v", command.FileError(err))
		}
		if err != nil {
			return nil, fmt.Errorf("--key-file: %w", command.FileError(err))
		}
		return checkKey("--key-file "+c.Opts.KeyFile, bytes.TrimRight(key, "\r\n"))
	}
	key, err := ConfKey(ConfPath())
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: smtpd.conf is too large to look for it: %w; name a file that holds it with --key-file", spool.ErrNoKey, err)
	case key != "":
		return checkKey("the key in "+ConfPath(), []byte(key))
	}
	if *c.QueueKey != nil {
		return *c.QueueKey, nil
	}
	if c.Secret == nil {
		return nil, fmt.Errorf("%w: name a file that holds it with --key-file", spool.ErrNoKey)
	}
	text, err := c.Secret(ctx, "key of the queue: ")
	if err != nil {
		return nil, err
	}
	typed, err := checkKey("the key", []byte(text))
	if err == nil {
		*c.QueueKey = typed
	}
	return typed, err
}

// checkKey refuses what cannot be a key.
func checkKey(what string, key []byte) ([]byte, error) {
	if len(key) != spool.KeySize {
		return nil, fmt.Errorf("%s: %d characters, want %d", render.Safe(what), len(key), spool.KeySize)
	}
	return key, nil
}

// KeyError forgets a key that was typed and does not fit.
func KeyError(c *command.Call, err error) error {
	if errors.Is(err, spool.ErrWrongKey) {
		*c.QueueKey = nil
	}
	return err
}

// What of smtpd.conf is looked at.
const (
	macroPattern = `^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"?([^"\s]+)"?\s*$`
	cryptPattern = `^\s*queue\s+encryption\s+"?([^"\s#]+)"?`
)

// ConfKey returns the key that smtpd.conf has for queue encryption, or nothing.
// That of stdin is typed when smtpd starts, and is nowhere else. The error says
// that not all of smtpd.conf was read, and no key in what was.
func ConfKey(path string) (string, error) {
	confMacro, confCrypt := regexp.MustCompile(macroPattern), regexp.MustCompile(cryptPattern)
	macros := map[string]string{}
	var r confReader
	for line := range r.lines(path) {
		if m := confMacro.FindStringSubmatch(line); m != nil {
			macros[m[1]] = m[2]
		}
		if m := confCrypt.FindStringSubmatch(line); m != nil {
			key := m[1]
			if name, ok := strings.CutPrefix(key, "$"); ok {
				key = macros[name]
			}
			if strings.EqualFold(key, "stdin") || key == "-" {
				return "", nil
			}
			return key, nil
		}
	}
	return "", r.err
}
