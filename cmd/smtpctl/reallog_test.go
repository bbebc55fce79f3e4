package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// TestRealLog tells stories from the log of a real smtpd: of mail that was delivered, put
// off, refused, and removed, and of the bounce.
func TestRealLog(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{})
	for _, to := range []string{"a@temp.example", "b@perm.example", "c@ok.example"} {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{to}, Body: "Subject: x\n\nx\n"})
	}
	firstID(t, d, "to=a@temp.example", "error=?*")
	ours(t, d, "", "wait", "empty", "to=b@*", "for", "20s")
	ours(t, d, "", "wait", "empty", "to=c@*", "for", "20s")
	// What smtpd rejects, and a sender that smtpd cannot write to.
	if err := rejectedSession("127.0.0.1:2525"); err != nil {
		t.Fatal(err)
	}
	id := firstID(t, d, "to=a@temp.example")
	if r := ours(t, d, "", "remove", id); r.status != 0 {
		t.Fatal(r)
	}
	d.Stop()
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, []byte(d.Log()), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]string{
		"a@temp.example": `^message [0-9a-f]{8}
  accepted from <s@x.example>, \d+ bytes, by client 127.0.0.1.*
  [0-9a-f]{16} for <a@temp.example>
  [0-9a-f]{16} to <a@temp.example> put off by 127.0.0.1 \(.*\) after \d+s: 451 4.3.0 come back later .*
  [0-9a-f]{16} to <a@temp.example> removed: Removed by administrator
$`,
		"b@perm.example":  `(?s)to <b@perm.example> failed by 127.0.0.1.*: 550 5.1.1 no such user`,
		"c@ok.example":    `(?s)to <c@ok.example> delivered by 127.0.0.1.*: 250 2.0.0 taken`,
		id:                `(?s)to <a@temp.example> put off.*removed`,
		"b@perm.example ": `(?s)perhaps returned to <s@x.example> in message [0-9a-f]{8}\n`,
		"x@refused.example@": `^session [0-9a-f]{16}, what was rejected in it
  recipient <x@refused.example@> rejected, of client 127.0.0.1.*: 501 5.1.3 Recipient address syntax error
$`,
		id[:9]:        `(?s)^message ` + id[:8] + `.*removed`,
		"s@x.example": `(?s)message .*message .*message .*message .*accepted from <>.*, by client local \(.*\), perhaps the bounce of message [0-9a-f]{8}\n`,
	} {
		r := run(t, "show", "log", "--log", log, strings.TrimSpace(what))
		if r.status != 0 || !regexp.MustCompile(want).MatchString(r.stdout) {
			t.Errorf("%s: %v\nlog:\n%s", what, r, d.Log())
		}
	}
	if strings.Count(run(t, "-j", "show", "log", "--log", log, "@x.example").stdout, `"event":"delivered"`) == 0 {
		t.Error("JSON does not tell of the delivery")
	}
}

// rejectedSession has smtpd reject a recipient.
func rejectedSession(addr string) error {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	for _, line := range []string{"", "HELO h.example", "MAIL FROM:<s@z.example>", "RCPT TO:<x@refused.example@>", "QUIT"} {
		if line != "" {
			fmt.Fprintf(c, "%s\r\n", line)
		}
		if _, err := r.ReadString('\n'); err != nil {
			return err
		}
	}
	return nil
}

// greet greets everyone who connects, and hangs up.
func greet(t *testing.T, ln net.Listener, greeting string) {
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				fmt.Fprint(c, greeting)
				time.Sleep(100 * time.Millisecond)
				c.Close()
			}()
		}
	}()
}

// withLog runs this program on a system whose log of mail is a file.
func withLog(t *testing.T, log string, d *realsmtpd.Daemon, args ...string) result {
	dir := filepath.Join(filepath.Dir(log), "var-log")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(log, filepath.Join(dir, "maillog")); err != nil {
		t.Fatal(err)
	}
	words := []string{"--mount", "sh", "-c", `mount --bind "$0" /var/log && exec "$@"`, dir, program, "--socket", d.Socket, "--spool", d.Spool}
	return runCommand(t, exec.Command("unshare", append(words, args...)...), "")
}

// TestRealLogPeers has a real smtpd relay to a host that refuses it in its banner, and to
// one whose certificate is not of its name: the log says so, where smtpd says no more than
// that there was a network error, and explain quotes the log.
func TestRealLogPeers(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mx.other.example"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	d := realsmtpd.Start(t, realsmtpd.Config{Conf: quickRelays + "listen on 127.0.0.1 port 2525\n" +
		"action \"banner\" relay host smtp://127.0.0.2:2627\naction \"tls\" relay host smtps://127.0.0.3:2628\n" +
		"match from any for domain banner.example action \"banner\"\nmatch from any for domain tls.example action \"tls\"\n",
		Before: func() {
			banner, err := net.Listen("tcp", "127.0.0.2:2627")
			if err != nil {
				t.Fatal(err)
			}
			greet(t, banner, "554 5.7.1 you are listed\r\n")
			secure, err := tls.Listen("tcp", "127.0.0.3:2628", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
			if err != nil {
				t.Fatal(err)
			}
			greet(t, secure, "220 hello\r\n")
		}})
	for _, to := range []string{"a@banner.example", "c@tls.example"} {
		d.Send(realsmtpd.Mail{From: "s@x.example", To: []string{to}})
	}
	log := filepath.Join(t.TempDir(), "log")
	for to, why := range map[string]string{"a@banner.example": `smtp://127.0.0.2:2627.*BANNER rejected: 554 5.7.1 you are listed`, "c@tls.example": `smtps://127.0.0.3:2628.*certificate`} {
		id := firstID(t, d, "to="+to, "error=?*")
		if err := os.WriteFile(log, []byte(d.Log()), 0o600); err != nil {
			t.Fatal(err)
		}
		want := regexp.MustCompile(`put off by .*: Network error on destination MXs; .*perhaps why: .*` + why)
		if r := run(t, "show", "log", "--log", log, id); r.status != 0 || !want.MatchString(r.stdout) {
			t.Errorf("%v", r)
		}
		if r := withLog(t, log, d, "explain", id); r.status != 0 || !regexp.MustCompile(`note: +the log tells of its last try: .*`+want.String()).MatchString(r.stdout) {
			t.Errorf("%v", r)
		}
	}
}
