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

// OpenSpool returns the queue on disk. The key of an encrypted queue comes from
// --key-file, otherwise from smtpd.conf, otherwise from the person at the terminal.
func OpenSpool(ctx context.Context, c *command.Call) *spool.Spool {
	return openSpool(ctx, c, QueueKey(ctx, c))
}

// openSpool is OpenSpool with a function that finds the key; nil if there is none.
func openSpool(ctx context.Context, c *command.Call, key func() ([]byte, error)) *spool.Spool {
	if files := c.FarFiles(ctx); files != nil {
		return spool.OpenFar(files, c.Opts.Spool, key)
	}
	return spool.OpenWithKey(c.Opts.Spool, key)
}

// QueueKey returns a function that finds the key of an encrypted queue when it is
// called.
func QueueKey(ctx context.Context, c *command.Call) func() ([]byte, error) {
	return func() ([]byte, error) { return queueKey(ctx, c) }
}

// maxKeyFile is how many bytes of a key file are read.
const maxKeyFile = 4096

// queueKey finds the key of the queue.
func queueKey(ctx context.Context, c *command.Call) ([]byte, error) {
	if c.Opts.KeyFile != "" {
		key, err := safefile.ReadFile(ctx, c.Opts.KeyFile, maxKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			// The error is not wrapped, because the missing file is not one of the
			// queue.
			return nil, fmt.Errorf("--key-file: %v", command.FileError(err))
		}
		if err != nil {
			return nil, fmt.Errorf("--key-file: %w", command.FileError(err))
		}
		return checkKey("--key-file "+c.Opts.KeyFile, bytes.TrimRight(key, "\r\n"))
	}
	path := confPathOf(c)
	key, err := confKey(&confReader{far: c.FarFiles(ctx)}, path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: smtpd.conf is too large to be searched for the key: %w; name a file that contains the key with --key-file", spool.ErrNoKey, err)
	case key != "":
		return checkKey("the key in "+path, []byte(key))
	}
	if *c.QueueKey != nil {
		return *c.QueueKey, nil
	}
	if c.Secret == nil {
		return nil, fmt.Errorf("%w: name a file that contains the key with --key-file", spool.ErrNoKey)
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

// checkKey refuses text that cannot be a key.
func checkKey(what string, key []byte) ([]byte, error) {
	if len(key) != spool.KeySize {
		return nil, fmt.Errorf("%s: %d characters, expected %d", render.Safe(what), len(key), spool.KeySize)
	}
	return key, nil
}

// KeyError forgets a typed key that does not fit.
func KeyError(c *command.Call, err error) error {
	if errors.Is(err, spool.ErrWrongKey) {
		*c.QueueKey = nil
	}
	return err
}

// Limits of the search in smtpd.conf.
const (
	macroPattern = `^\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"?([^"\s]+)"?\s*$`
	cryptPattern = `^\s*queue\s+encryption\s+"?([^"\s#]+)"?`
)

// ConfKey returns the key for queue encryption in smtpd.conf, or "". A key given as
// stdin is typed when smtpd starts and is stored nowhere. The error says that
// smtpd.conf was not read in full and that the part read has no key.
func ConfKey(path string) (string, error) { return confKey(new(confReader), path) }

func confKey(r *confReader, path string) (string, error) {
	confMacro, confCrypt := regexp.MustCompile(macroPattern), regexp.MustCompile(cryptPattern)
	macros := map[string]string{}
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
