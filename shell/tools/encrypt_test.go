package tools

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/command"
)

// crypt3 returns what the system's crypt(3) makes of a password, through perl.
func crypt3(t *testing.T, password, setting string) string {
	t.Helper()
	out, err := exec.Command("perl", "-e", "print crypt($ARGV[0], $ARGV[1])", "--", password, setting).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestEncryptIsCrypt checks hashes of each scheme with the system's crypt(3), and
// that they verify.
func TestEncryptIsCrypt(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil || runtime.GOOS != "linux" {
		t.Skip("needs perl and a crypt(3) that knows SHA-512, bcrypt and yescrypt")
	}
	for i, tt := range []struct {
		scheme, prefix string
		cost           int
	}{
		{"sha512", "$6$", 0}, {"sha512", "$6$rounds=1000$", 1000}, {"bcrypt", "$2b$10$", 10}, {"bcrypt", "$2b$12$", 0},
		{"yescrypt", "$y$j7T$", 3}, {"yescrypt", "$y$jCT$", 0},
	} {
		s, cost, err := chosenScheme((&command.Options{Scheme: tt.scheme, Cost: tt.cost}))
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.hash(cost)
		if err != nil {
			t.Fatal(err)
		}
		passwords := []string{"secret", "", "with space", "日本", "--", strings.Repeat("x", 72)}
		if tt.scheme != "bcrypt" {
			passwords = append(passwords, strings.Repeat("x", maxPassword))
		}
		if tt.cost == 0 {
			passwords = passwords[:1]
		}
		for j, password := range passwords {
			if tt.cost != 0 && !fulltest.Takes(i+j, 3) {
				continue
			}
			d, err := h.Hash(password)
			if err != nil {
				t.Fatal(err)
			}
			hash := d.Encode()
			if tt.cost == 0 && tt.scheme != "sha512" && !fulltest.On() {
				// The usual cost takes a quarter of a second each time.
				if !strings.HasPrefix(hash, tt.prefix) {
					t.Errorf("%s: %q, want %q", tt.scheme, hash, tt.prefix)
				}
				continue
			}
			if got := crypt3(t, password, hash); got != hash || !strings.HasPrefix(hash, tt.prefix) {
				t.Errorf("%s %q: crypt(3) gives %q, want %q", tt.scheme, password, got, hash)
			}
			again, err := parseHash(hash)
			if err != nil || !again.Match(password) || again.Match(password+"x") && len(password) < 72 {
				t.Errorf("%s %q: %q does not verify: %v", tt.scheme, password, hash, err)
			}
		}
	}
	// What crypt(3) makes of settings that encrypt does not make.
	yescrypt := "$y$j75$abcdefgh$" // which takes little time
	if fulltest.On() {
		yescrypt = "$y$jD5$abcdefgh$"
	}
	for _, setting := range []string{"$1$abcdefgh$", "$5$abcdefgh$", "$2y$05$abcdefghijklmnopqrstuu", "$2a$05$abcdefghijklmnopqrstuu", "$sha1$20000$abcdefgh$", yescrypt} {
		hash := crypt3(t, "secret", setting)
		if d, err := parseHash(hash); err != nil || !d.Match("secret") || d.Match("other") {
			t.Errorf("%q of crypt(3) does not verify: %v", hash, err)
		}
	}
}

func TestParseHash(t *testing.T) {
	for text, want := range map[string]string{
		"": "expected a hash", "secret": "expected a hash", "$6$": "expected a hash", "$9$aa$bb": "expected a hash", "$2b$10$short": "expected a hash",
		"$y$j/.T$a$b":                "expected a hash",
		"$y$jT5$abcdefgh$abc":        "more than 2 GB",
		"$6$rounds=999999999$salt$h": "too high",
		"$2b$31$abcdefghijklmnopqrstuuOeZ2hQ32AyBh8ZYFFLfYoUxWKOV2GcS": "too high",
	} {
		if _, err := parseHash(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestSystemScheme(t *testing.T) {
	if runtime.GOOS == "openbsd" {
		t.Skip("there it is always bcrypt")
	}
	helper := filepath.Join(t.TempDir(), "encrypt")
	for program, want := range map[string]string{"": "sha512", "\x00crypt\x00": "sha512", "\x00crypt\x00crypt_gensalt\x00": "yescrypt"} {
		if program != "" {
			os.WriteFile(helper, []byte(program), 0o600)
		}
		if got := SystemScheme([]string{"/nonexistent", helper}); got != want {
			t.Errorf("%q: %s, want %s", program, got, want)
		}
		os.Remove(helper)
	}
}

func FuzzParseHash(f *testing.F) {
	for _, s := range []string{"$2b$10$abcdefghijklmnopqrstuuOeZ2hQ32AyBh8ZYFFLfYoUxWKOV2GcS", "$6$salt$hash", "$y$j9T$abcdefgh$abcdefgh", "$sha1$1$a$b", "$1$a$b", "$5$rounds=1000$a$b", "$md5,rounds=1$a$$b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { parseHash(text) })
}
