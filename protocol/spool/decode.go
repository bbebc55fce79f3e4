package spool

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Errors for encrypted files.
var (
	// ErrNoKey means that the queue is encrypted and no key is known.
	ErrNoKey = errors.New("the queue is encrypted, and its key is not known")
	// ErrWrongKey means that a file cannot be decrypted: it is not the key, or the
	// file is damaged.
	ErrWrongKey = errors.New("it cannot be decrypted: wrong key, or damaged")
)

// An encrypted file is a version byte, an IV, what AES-256-GCM makes of the
// content, and its tag (crypto.c).
const (
	cryptVersion = 0x01
	ivSize       = 12
	tagSize      = 16
	// KeySize is the size of smtpd's key: 32 bytes, which smtpd.conf has as 32
	// characters.
	KeySize = 32
)

// MaxEncrypted is how large an encrypted file may be: all of it has to be held
// in memory, since nothing of it may be used before its tag has been checked.
const MaxEncrypted = 256 << 20

// A keyring knows the key of a queue, or whom to ask.
type keyring struct {
	ask  func() ([]byte, error)
	once sync.Once
	gcm  cipher.AEAD
	err  error
}

// open returns the cipher, asking for the key the first time.
func (k *keyring) open() (cipher.AEAD, error) {
	k.once.Do(func() {
		if k.ask == nil {
			k.err = ErrNoKey
			return
		}
		var key []byte
		if key, k.err = k.ask(); k.err != nil {
			return
		}
		if len(key) != KeySize {
			k.err = fmt.Errorf("the key has %d bytes, want %d", len(key), KeySize)
			return
		}
		var block cipher.Block
		if block, k.err = aes.NewCipher(key); k.err == nil {
			k.gcm, k.err = cipher.NewGCM(block)
		}
	})
	return k.gcm, k.err
}

func isEncrypted(head []byte) bool { return len(head) > 0 && head[0] == cryptVersion }

func isGzip(head []byte) bool { return len(head) > 1 && head[0] == 0x1f && head[1] == 0x8b }

// decrypt returns the content of an encrypted file, in the memory of raw.
func (s *Spool) decrypt(raw []byte) ([]byte, error) {
	gcm, err := s.keys.open()
	if err != nil {
		return nil, err
	}
	if len(raw) < 1+ivSize+tagSize {
		return nil, fmt.Errorf("%w: it ends too early", ErrWrongKey)
	}
	text := raw[1+ivSize:]
	text, err = gcm.Open(text[:0], raw[1:1+ivSize], text, nil)
	if err != nil {
		return nil, ErrWrongKey
	}
	return text, nil
}

// decode returns what a small file holds, of at most limit bytes. It may use the
// memory of raw.
func (s *Spool) decode(raw []byte, limit int) (_ []byte, err error) {
	if isEncrypted(raw) {
		if raw, err = s.decrypt(raw); err != nil {
			return nil, err
		}
	}
	if !isGzip(raw) {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err == nil {
		raw, err = io.ReadAll(io.LimitReader(z, int64(limit)+1))
	}
	switch {
	case err != nil:
		return nil, damaged(err)
	case len(raw) > limit:
		return nil, tooLarge(limit)
	}
	return raw, nil
}

// errEarly means that a compressed file has been cut.
var errEarly = errors.New("the compressed file ends too early")

// damaged words the errors of package gzip.
func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errEarly
	}
	return fmt.Errorf("the compressed file is damaged: %w", err)
}

// copyFile writes what a file holds to w.
func (s *Spool) copyFile(w io.Writer, path string) error {
	f, err := s.open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	head, err := r.Peek(2)
	if err != nil && err != io.EOF {
		return err
	}
	if isEncrypted(head) {
		info, err := f.Stat()
		switch {
		case err != nil:
			return err
		case info.Size() > MaxEncrypted:
			return fmt.Errorf("%s: %w, and encrypted: all of it would have to be in memory", path, tooLarge(MaxEncrypted))
		}
		raw := make([]byte, info.Size())
		if _, err := io.ReadFull(r, raw); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		text, err := s.decrypt(raw)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		r = bufio.NewReader(bytes.NewReader(text))
		head, _ = r.Peek(2)
	}
	if !isGzip(head) {
		_, err = io.Copy(w, r)
		return err
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return fmt.Errorf("%s: %w", path, damaged(err))
	}
	if _, err := io.Copy(w, readErrors{z, path}); err != nil {
		return err
	}
	return nil
}

// readErrors adds the path to errors of reading, but not to those of writing.
type readErrors struct {
	r    io.Reader
	path string
}

func (r readErrors) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", r.path, damaged(err))
	}
	return n, err
}
