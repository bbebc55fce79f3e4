package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// TestRealAuth logs in to a real smtpd with hashes of each scheme.
func TestRealAuth(t *testing.T) {
	root := strings.TrimSuffix(os.Getenv(realsmtpd.Env), "/")
	if v, _ := exec.Command("chroot", root+"/", "dpkg-query", "-W", "-f", "${Version}", "opensmtpd").Output(); strings.HasPrefix(string(v), "6.") {
		t.Skip("Debian's smtpd 6.8, with OpenSSL 3, fails in every TLS handshake, and takes no password without TLS")
	}
	creds, pki := "/etc/smtpd-test.creds", "/etc/smtpd-test.pem"
	d := realsmtpd.Start(t, realsmtpd.Config{
		Before: func() {
			writeCertificate(t, root+pki)
			t.Cleanup(func() { os.Remove(root + creds); os.Remove(root + pki) })
			var lines string
			for _, scheme := range []string{"sha512", "bcrypt", "yescrypt"} {
				r := runCommand(t, exec.Command(program, "encrypt", "--scheme", scheme), "secret of "+scheme+"\n")
				if r.status != 0 {
					t.Fatal(r)
				}
				lines += scheme + "\t" + r.stdout
			}
			if err := os.WriteFile(root+creds, []byte(lines), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		Conf: fmt.Sprintf("table creds file:%s\npki test cert \"%s\"\npki test key \"%s\"\n"+
			"listen on 127.0.0.1 port 2525 smtps pki test auth <creds>\n"+
			"action \"relay\" relay host smtp://127.0.0.1:2626\nmatch auth from any for any action \"relay\"\n", creds, pki, pki),
	})
	for _, scheme := range []string{"sha512", "bcrypt", "yescrypt"} {
		if err := logIn(scheme, "secret of "+scheme); err != nil {
			t.Fatalf("%s: %v; %s", scheme, err, d.Log())
		}
		if err := logIn(scheme, "another"); err == nil || !strings.HasPrefix(err.Error(), "535") {
			t.Errorf("%s with another password: %v", scheme, err)
		}
	}
}

// TestRealEncrypt compares the default with what OpenSMTPD's smtpctl makes on
// that system, which must verify here.
func TestRealEncrypt(t *testing.T) {
	d := realsmtpd.NotStarted(t)
	hash := strings.TrimSpace(theirs(d, "", "encrypt", "it's one").stdout)
	for password, want := range map[string]int{"it's one\n": 0, "another\n": 1} {
		if r := runCommand(t, exec.Command(program, "encrypt", "--verify", hash), password); r.status != want {
			t.Errorf("%q against %q: %v", password, hash, r)
		}
	}
	r := runCommand(t, insideRoot(t, d.Root)("encrypt"), "x\n")
	if kind := hash[:strings.LastIndexByte(hash[:8], '$')+1]; r.status != 0 || !strings.HasPrefix(r.stdout, kind) || kind == "$" {
		t.Errorf("%v, want %s as smtpctl makes it", r, kind)
	}
}

// insideRoot returns what runs the program within the system of a smtpd.
func insideRoot(t *testing.T, root string) func(args ...string) *exec.Cmd {
	if root == "" {
		return func(args ...string) *exec.Cmd { return exec.Command(program, args...) }
	}
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(root, "tmp", "smtpctl-test")
	if err := os.WriteFile(copied, text, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(copied) })
	return func(args ...string) *exec.Cmd {
		return exec.Command("chroot", append([]string{root, "/tmp/smtpctl-test"}, args...)...)
	}
}

// writeCertificate writes a key and a certificate of its own for localhost.
func writeCertificate(t *testing.T, path string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// logIn does SMTP AUTH PLAIN.
func logIn(user, password string) error {
	var conn net.Conn
	var err error
	for range 100 { // smtpd listens a little later than it answers
		dialer := &net.Dialer{Timeout: 5 * time.Second}
		conn, err = tls.DialWithDialer(dialer, "tcp", "127.0.0.1:2525", &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	return c.Auth(smtp.PlainAuth("", user, password, "localhost"))
}
