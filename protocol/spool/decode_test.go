package spool

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"os"
	"strings"
	"testing"

	"smtpctl/protocol"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

func compressed(t testing.TB, text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encrypted(t testing.TB, text string) string {
	block, err := aes.NewCipher(testKey)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := []byte("twelve bytes")
	return "\x01" + string(iv) + string(gcm.Seal(nil, iv, []byte(text), nil))
}

const (
	plainEnvelope = "version: 3\ntype: mta\nrcpt: r@x.example\nctime: 5\n"
	id            = protocol.EnvelopeID(0x0700000100000001)
)

// TestDecode reads every kind of queue, and damaged files of each.
func TestDecode(t *testing.T) {
	body := strings.Repeat("Subject: hello\n\nworld\n", 10_000)
	for name, encode := range map[string]func(string) string{
		"plain":      func(s string) string { return s },
		"compressed": func(s string) string { return compressed(t, s) },
		"encrypted":  func(s string) string { return encrypted(t, s) },
		"both":       func(s string) string { return encrypted(t, compressed(t, s)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			asked := 0
			s := OpenWithKey(dir, func() ([]byte, error) { asked++; return testKey, nil })
			write(t, s, id, encode(plainEnvelope))
			os.WriteFile(s.MessagePath(id.Msg()), []byte(encode(body)), 0o600)
			e, err := s.ReadEnvelope(id)
			if err != nil || e.Rcpt.String() != "r@x.example" {
				t.Errorf("%+v, %v", e, err)
			}
			for e, err := range s.Envelopes(context.Background()) {
				if err != nil || e.Created != 5 {
					t.Errorf("listed %+v, %v", e, err)
				}
			}
			var b strings.Builder
			if err := s.CopyMessage(&b, id.Msg()); err != nil || b.String() != body {
				t.Errorf("a message of %d bytes, %v", b.Len(), err)
			}
			b.Reset()
			if err := s.CopyEnvelope(&b, id); err != nil || b.String() != plainEnvelope {
				t.Errorf("envelope %q, %v", b.String(), err)
			}
			secret := strings.HasPrefix(encode("x"), "\x01")
			if secret != (asked == 1) || asked > 1 {
				t.Errorf("asked for the key %d times", asked)
			}
			if name == "plain" {
				return
			}
			// Cut, and with one bit turned.
			whole := encode(plainEnvelope)
			for _, bad := range []string{whole[:len(whole)-1], whole[:len(whole)/2], whole[:2], whole[:len(whole)-9] + "\x00" + whole[len(whole)-8:]} {
				write(t, s, id, bad)
				if e, err := s.ReadEnvelope(id); err == nil || !strings.Contains(err.Error(), s.EnvelopePath(id)) {
					t.Errorf("%d of %d bytes: %+v, %v", len(bad), len(whole), e, err)
				}
				b.Reset()
				if err := s.CopyEnvelope(&b, id); err == nil || secret && b.Len() > 0 {
					t.Errorf("%d of %d bytes: copied %q, %v", len(bad), len(whole), b.String(), err)
				}
			}
		})
	}
}

// TestKeys uses no key, a wrong one and bad ones.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	write(t, Open(dir), id, encrypted(t, plainEnvelope))
	if _, err := Open(dir).ReadEnvelope(id); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	for _, tt := range []struct {
		key  string
		err  error
		want string
	}{
		{key: strings.Repeat("x", 32), want: ErrWrongKey.Error()},
		{key: "short", want: "the key has 5 bytes, expected 32"},
		{err: errors.New("nobody knows"), want: "nobody knows"},
	} {
		s := OpenWithKey(dir, func() ([]byte, error) { return []byte(tt.key), tt.err })
		var b strings.Builder
		if err := s.CopyEnvelope(&b, id); err == nil || !strings.Contains(err.Error(), tt.want) || b.Len() > 0 {
			t.Errorf("%q: %q, %v", tt.key, b.String(), err)
		}
	}
}

// FuzzDecode reads files of any content.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{plainEnvelope, compressed(f, plainEnvelope), encrypted(f, plainEnvelope), encrypted(f, compressed(f, plainEnvelope)), "", "\x01", "\x1f\x8b"} {
		f.Add([]byte(s))
	}
	s := OpenWithKey(f.TempDir(), func() ([]byte, error) { return testKey, nil })
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := s.decode(bytes.Clone(raw), MaxEnvelope)
		if err == nil && len(text) > max(MaxEnvelope, len(raw)) {
			t.Errorf("%d bytes", len(text))
		}
		if err == nil {
			protocol.ParseEnvelope(text)
		}
	})
}
