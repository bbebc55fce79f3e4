package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"smtpctl/protocol/realsmtpd"
	"smtpctl/shell/tools/resolve/dnstest"
)

const realZone = `
plain.example.    TXT  "v=spf1 ip4:192.0.2.1 ip4:198.51.100.0/24 -all"
hosts.example.    TXT  "v=spf1 a:out.example mx -all"
hosts.example.    MX   10 mx.example.
out.example.      A    192.0.2.9
out.example.      AAAA 2001:db8::9
mx.example.       A    192.0.2.10
include.example.  TXT  "v=spf1 include:plain.example ip4:203.0.113.7 -all"
moved.example.    TXT  "v=spf1 redirect=plain.example"
barea.example.    TXT  "v=spf1 ip6:2001:db8::/32 a/24 mx/28 exists:%{i}.x.example ip4:203.0.113.99/24 -all"
barea.example.    A    192.0.2.77
barea.example.    MX   10 mx.example.
`

// TestRealSPF walks records next to OpenSMTPD's smtpctl, both asking the name
// server of resolv.conf: the same networks for plain records, and the right ones
// where smtpctl goes wrong.
func TestRealSPF(t *testing.T) {
	realsmtpd.NotStarted(t)
	dnstest.Start(t, "127.0.0.1:53", realZone)
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	os.Chmod(filepath.Dir(conf), 0o755)
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	walk := func(name, domains string, args ...string) result {
		script := `mount --bind "$0" /etc/resolv.conf && exec "$@"`
		args = append([]string{"-m", "sh", "-c", script, conf, name}, append(args, "spf", "walk")...)
		return runCommand(t, exec.Command("unshare", args...), domains)
	}
	for _, domain := range []string{"plain", "hosts", "include", "moved"} {
		got, want := walk(program, domain+".example\n"), walk("/usr/sbin/smtpctl", domain+".example\n")
		if sorted(got.stdout) != sorted(want.stdout) || got.status != 0 || got.stdout == "" {
			t.Errorf("%s: %v\nsmtpctl: %v", domain, got, want)
		}
	}
	// Its defects: IPv6 networks, two domains with a bare mx, prefix lengths, exists
	// as an address, host bits.
	got := walk(program, "hosts.example\nbarea.example\n")
	want := "192.0.2.9\n2001:db8::9\n192.0.2.10\n2001:db8::/32\n192.0.2.0/24\n192.0.2.0/28\n203.0.113.0/24\n"
	if got.stdout != want || got.status != 1 {
		t.Errorf("%v, want %s", got, want)
	}
	t.Logf("smtpctl has of these: %q", walk("/usr/sbin/smtpctl", "hosts.example\nbarea.example\n").stdout)
}
