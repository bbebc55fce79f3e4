package shell

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestEncryptIsCrypt checks hashes with the system's crypt(3), through perl.
func TestEncryptIsCrypt(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs perl and a crypt(3) that knows SHA-512")
	}
	h, err := newHasher()
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{"secret", "", "with space", "日本", "--", strings.Repeat("x", 500)} {
		d, err := h.Hash(password)
		if err != nil {
			t.Fatal(err)
		}
		got, err := exec.Command(perl, "-e", "print crypt($ARGV[0], $ARGV[1])", "--", password, d.Encode()).Output()
		if err != nil || string(got) != d.Encode() {
			t.Errorf("%q: crypt(3) gives %q, %v, want %q", password, got, err, d.Encode())
		}
	}
}
