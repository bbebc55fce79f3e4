package shell

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
)

// TestIDsStdinSeveral gives ids on standard input, in every form in which they are listed, to
// commands for several machines: each machine acts on its own, and a line that does not say
// whose the id is has its number told before any machine is asked.
func TestIDsStdinSeveral(t *testing.T) {
	t.Parallel()
	hosts := hostNames[:3]
	names := func(text string) string {
		for n, host := range hosts {
			text = strings.ReplaceAll(text, fmt.Sprintf("%%%d", n), host)
		}
		return text
	}
	for i, tt := range []struct {
		input  string
		meant  [][2]int // machines and messages
		errors string
	}{
		{"%0:abc00b00\n%2:abc00c0000000001\n%2:abc00c0000000002\n", [][2]int{{0, 11}, {2, 12}}, ""},
		{"\ufeff%1:abc00b00|inet4|mta||a:abc00c00@x.example\n\n# a comment: abc\n  %1:abc00b00\n", [][2]int{{1, 11}}, ""},
		{`{"server":"%0","id":"abc00b00"}` + "\n" + `{"id":"abc00c00","server":"%1"}`, [][2]int{{0, 11}, {1, 12}}, ""},
		{`"%1:abc00b00"`, [][2]int{{1, 11}}, ""},
		{"SERVER ID AGE STATE\n%2 abc00b0000000001 2d pending\n%2 abc00b0000000002 2d %0:abc00c00\n", [][2]int{{2, 11}}, ""},
		{"", nil, "there are no ids: nothing done on any machine"},
		{"# nothing\n\n", nil, "there are no ids: nothing done on any machine"},
		{"%0:abc00b00\nabc00b00\n", nil, `standard input:2: "abc00b00": expected the machine before the id, such as %0:abc00b00; nothing done`},
		{"%0:abc00b00\n\n%0 abc00b00\n", nil, "standard input:3: "},
		{`{"id":"abc00b00"}`, nil, "standard input:1: \"abc00b00\": expected the machine before the id"},
		{`{"server":"mx9","id":"abc00b00"}`, nil, `standard input:1: "mx9:abc00b00": this command is not for mx9`},
		{`{"server":"-oProxyCommand=x","id":"abc00b00"}`, nil, "standard input:1: the field server: "},
		{"%0:abc00b00\nmx9:abc00b00\n", nil, `standard input:2: "mx9:abc00b00": this command is not for mx9: name that machine too, or leave its ids out; nothing done`},
		{"%0:abc00b00\nlocal:abc00b00\n", nil, "standard input:2: "},
		{"%0:abc00b\n", nil, "standard input:1: \"abc00b\": expected 8 or 16 hex digits"},
		{"%0:\n", nil, "standard input:1: "},
		{":abc00b00\n", nil, "standard input:1: "},
		{"%0;x:abc00b00\n", nil, "standard input:1: "},
		{"\x1b[31m:abc00b00\n", nil, "standard input:1: "},
		{"%0:abc00b00:abc00b00\n", nil, "standard input:1: "},
		{"%0:_\n", nil, "standard input:1: "},
		{strings.Repeat("%0:abc00b00\n", 1000) + "x\n", nil, "standard input:1001: "},
	} {
		for j, words := range []string{"remove -", "pause envelope - from=*", "show queue -"} {
			if !fulltest.Takes(i+j, 3) {
				continue
			}
			b := newIDsBed(t, hosts...)
			b.s.io.In = strings.NewReader(names(tt.input))
			before, requests := b.state(), b.requests()
			if strings.HasPrefix(words, "pause") {
				b.eval("resume envelope all")
				before, requests = b.state(), b.requests()
			}
			out, errs, status := b.eval("-j " + words)
			failed := strings.HasPrefix(tt.errors, "standard input")
			if failed != (status == command.StatusUsage) || !failed && status != 0 || !strings.Contains(errs, names(tt.errors)) || failed && out != "" || strings.Contains(errs, "\x1b") {
				t.Errorf("%s of %.60q: %d %s%s", words, tt.input, status, out, errs)
			}
			var want []string
			for _, m := range tt.meant {
				want = append(want, hostname.Qualify(hosts[m[0]], bedID(m[1], 0).String()), hostname.Qualify(hosts[m[0]], bedID(m[1], 1).String()))
			}
			slices.Sort(want)
			got := b.changed(before)
			if strings.HasPrefix(words, "show") {
				got = idsIn(t, out)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s of %.60q: %q, want %q: %s", words, tt.input, got, want, errs)
			}
			for host, n := range b.requests() {
				meant := slices.ContainsFunc(tt.meant, func(m [2]int) bool { return hosts[m[0]] == host })
				if asked := n > requests[host]; asked != meant {
					t.Errorf("%s of %.60q: asked of %s: %v", words, tt.input, host, asked)
				}
			}
		}
	}
}

// TestIDsStdinOne gives ids with names of machines to a command for one machine.
func TestIDsStdinOne(t *testing.T) {
	t.Parallel()
	for _, host := range []string{command.LocalHost, "2001:db8::1"} {
		for input, refused := range map[string]string{
			host + ":abc00b00\nabc00c00\n":                "",
			`{"server":"` + host + `","id":"abc00b00"}`:   "",
			"abc00b00\nmx9:abc00c00\n":                    `standard input:2: "mx9:abc00c00": this command is for ` + host + ` alone: name mx9 too, or leave its ids out; nothing done`,
			`{"server":"mx9","id":"abc00b00"}`:            `standard input:1: "mx9:abc00b00": this command is for ` + host + " alone",
			"x" + host + ":abc00b00\n":                    "standard input:1: ",
			strings.ToUpper(host) + "X:abc00b00\nabc00c0": "standard input:1: ",
		} {
			b := newIDsBed(t, host)
			before := b.state()
			b.s.io.In = strings.NewReader(input)
			out, errs, status := b.eval("remove -")
			if (refused != "") != (status == command.StatusUsage) || !strings.Contains(errs, refused) {
				t.Errorf("%s: %q: %d %s%s", host, input, status, out, errs)
			}
			if changed := b.changed(before); (len(changed) > 0) != (refused == "") {
				t.Errorf("%s: %q: %q", host, input, changed)
			}
		}
	}
}

// TestIDsExpect compares --expect with the envelopes of the machines that ids name.
func TestIDsExpect(t *testing.T) {
	t.Parallel()
	for expect, ok := range map[int]bool{3: true, 2: false, 4: false, 0: false} {
		for _, words := range []string{"remove %0:abc00b00 %1:abc00c0000000001", "remove -"} {
			b := newIDsBed(t, hostNames[:3]...)
			b.s.io.In = strings.NewReader(hostNames[0] + ":abc00b00\n" + hostNames[1] + ":abc00c0000000001\n")
			before := b.state()
			words = strings.ReplaceAll(strings.ReplaceAll(words, "%0", hostNames[0]), "%1", hostNames[1])
			_, errs, status := b.eval(fmt.Sprintf("--expect %d %s", expect, words))
			if changed := len(b.changed(before)); (status == 0) != ok || (changed == 3) != ok || !ok && changed > 0 {
				t.Errorf("%d, %s: %d changed, %d %s", expect, words, changed, status, errs)
			}
		}
	}
	b := newIDsBed(t, hostNames[:3]...)
	if _, errs, status := b.eval("--expect 1 remove -"); status != 1 || !strings.Contains(errs, "no envelope selected, 1 expected: nothing done") {
		t.Errorf("%d %s", status, errs)
	}
}

// TestIDsInside gives ids with names of machines to commands inside others, of which the outer
// one says for which machine they are, and to lines of scripts that are only checked.
func TestIDsInside(t *testing.T) {
	t.Parallel()
	b := newIDsBed(t, command.LocalHost, hostNames[0], hostNames[1])
	for line, refused := range map[string]string{
		"on mx1 remove mx1:abc00b00":                                           "",
		"on mx1 remove admin@mx2.example.com:abc00b00":                         "an id is of admin@mx2.example.com, and the command is for mx1: use --host admin@mx2.example.com, or on admin@mx2.example.com remove ...",
		"on mx1,local remove local:abc00c00 mx1:abc00d00":                      "",
		"on local pause envelope mx1:abc00e00":                                 "an id is of mx1, and the command is for this machine",
		"--host mx1 remove mx1:abc00f00":                                       "",
		"--host mx1 --restricted remove mx9:abc00f00":                          "an id is of mx9, and the command is for mx1\n",
		"--host mx1 watch show queue local:abc01000":                           "an id is of local, and the command is for mx1",
		"watch --host mx1 show queue admin@mx2.example.com:abc01000":           "an id is of admin@mx2.example.com, and the command is for mx1",
		"watch on mx1 show queue admin@mx2.example.com:abc01000":               "an id is of admin@mx2.example.com, and the command is for mx1",
		"show journal mx1:abc01000":                                            "mx1:abc01000",
		"--host mx1,local browse mx1:abc01000":                                 "needs a terminal",
		"--host mx1,local show queue --follow mx9:abc01000":                    "an id is of mx9, and the command is for mx1,local",
		"--host mx1,local wait empty mx1:abc01000 for 1s":                      "timed out after 1s",
		"--host mx1,local wait empty mx1:abc0ffff for 1m":                      "",
		"--host mx1,local wait mx1:abc01000 local:abc01000 for 1m":             "",
		"--host mx1,local wait mx9:abc01000 for 1s":                            "an id is of mx9, and the command is for mx1,local",
		"--host mx1,local show log mx1:abc01000 from=a@x.example":              "files cannot be read",
		"show log local:abc01000 from=a@x.example":                             "expected terms, or ids and addresses, not both",
		"--host mx1,local bounce mx1:abc01000":                                 "files cannot be read",
		"--host mx1,local --read-only remove mx1:abc01000":                     "this session is read-only",
		"--host mx1,local remove mx1:abc01000 --save x":                        "files cannot be read",
		"--host mx1,local show queue mx1:abc01000 columns=age -o json":         "columns= works only with",
		"--host mx1,local show queue mx1:abc01000 columns=age,id --restricted": "",
	} {
		b.s.opts.Host = ""
		out, errs, status := b.eval(line)
		if (refused != "") != (status != 0) || !strings.Contains(errs, refused) {
			t.Errorf("%s: %d %s%s", line, status, out, errs)
		}
	}
	b.s.opts.Host = ""
	before := b.state()
	for script, ok := range map[string]bool{
		"connect mx1,local\nremove mx1:abc01100 local:abc01100\nconnect mx1\nremove mx1:abc01100\n": true,
		"connect mx7\nrequeue mx7:abc01100 --dispatcher x\n":                                        false,
		"connect mx7\nremove mx7:abc0110\n":                                                         false,
		"connect mx7\nremove m;x7:abc01100\n":                                                       false,
	} {
		b.s.io.In = strings.NewReader(script)
		if status := b.s.script("-", true); (status == 0) != ok {
			t.Errorf("%q: %d %s", script, status, b.errs.String())
		}
	}
	if changed := b.changed(before); len(changed) > 0 {
		t.Errorf("checking has changed %q", changed)
	}
}
