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

// Errors of encrypted files.
var (
	// ErrNoKey means that the queue is encrypted and no key is known.
	ErrNoKey = errors.New("the queue is encrypted, and its key is not known")
	// ErrWrongKey means that a file cannot be decrypted: the key is not the right one,
	// or the file is damaged.
	ErrWrongKey = errors.New("it cannot be decrypted: wrong key, or damaged")
)

// An encrypted file consists of a version byte, an IV, the ciphertext of AES-256-GCM,
// and its tag (crypto.c).
const (
	cryptVersion = 0x01
	ivSize       = 12
	tagSize      = 16
	// KeySize is the size of smtpd's key in bytes. In smtpd.conf the key is written as
	// 32 characters.
	KeySize = 32
)

// MaxEncrypted is the size in bytes of the largest encrypted file that is read. All of
// it has to be in memory, because no part may be used before the tag has been checked.
const MaxEncrypted = 256 << 20

// A keyring has the key of a queue, or a function that asks for it.
type keyring struct {
	ask  func() ([]byte, error)
	once sync.Once
	gcm  cipher.AEAD
	err  error
}

// open returns the cipher. The first call asks for the key.
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
			k.err = fmt.Errorf("the key has %d bytes, expected %d", len(key), KeySize)
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

// decrypt returns the content of an encrypted file. The result shares the memory of
// raw.
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

// decode returns the content of a small file, limit bytes at most. The result may share
// the memory of raw.
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

// damaged puts the errors of package gzip into words.
func damaged(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return errEarly
	}
	return fmt.Errorf("the compressed file is damaged: %w", err)
}

// copyFile writes the content of a file to w.
func (s *Spool) copyFile(w io.Writer, path string) error {
	f, err := s.openAny(path)
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
		size, err := f.Size()
		switch {
		case err != nil:
			return err
		case size > MaxEncrypted:
			return fmt.Errorf("%s: %w, and encrypted: all of it would have to be in memory", path, tooLarge(MaxEncrypted))
		}
		raw := make([]byte, size)
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
