package spf

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"smtpctl/protocol/fulltest"
)

// The collected grammar of RFC 7208, section 12, as regular expressions. Letters
// of either case stand in it, and nothing but ASCII.
var (
	abnf = map[string]string{}
	_    = define("alphanum", `[A-Za-z0-9]`)
	_    = define("name", `[A-Za-z][A-Za-z0-9_.-]*`)
	_    = define("toplabel", `(?:{alphanum}*[A-Za-z]{alphanum}*|{alphanum}+-(?:{alphanum}|-)*{alphanum})`)
	_    = define("transformers", `(?:0*[1-9][0-9]*)?[rR]?`)
	_    = define("delimiter", `[-.+,/_=]`)
	_    = define("expand", `(?:%\{[slodiphvSLODIPHV]{transformers}{delimiter}*\}|%%|%_|%-)`)
	_    = define("textexpand", `(?:%\{[slodiphvcrtSLODIPHVCRT]{transformers}{delimiter}*\}|%%|%_|%-)`)
	_    = define("literal", `[\x21-\x24\x26-\x7e]`)
	_    = define("domainspec", `(?:{expand}|{literal})*(?:\.{toplabel}\.?|{expand})`)
	_    = define("cidr4", `/(?:[0-9]|[12][0-9]|3[0-2])`)
	_    = define("cidr6", `/(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])`)
	_    = define("dual", `(?:{cidr4})?(?:/{cidr6})?`)
	_    = define("qnum", `(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])`)
	_    = define("ip4", `{qnum}(?:\.{qnum}){3}`)
	_    = define("h16", `[0-9A-Fa-f]{1,4}`)
	_    = define("ls32", `(?:{h16}:{h16}|{ip4})`)
	_    = define("ip6", `(?:(?:{h16}:){6}{ls32}|::(?:{h16}:){5}{ls32}|(?:{h16})?::(?:{h16}:){4}{ls32}`+
		`|(?:(?:{h16}:){0,1}{h16})?::(?:{h16}:){3}{ls32}|(?:(?:{h16}:){0,2}{h16})?::(?:{h16}:){2}{ls32}`+
		`|(?:(?:{h16}:){0,3}{h16})?::{h16}:{ls32}|(?:(?:{h16}:){0,4}{h16})?::{ls32}`+
		`|(?:(?:{h16}:){0,5}{h16})?::{h16}|(?:(?:{h16}:){0,6}{h16})?::)`)
	_ = define("mechanism", `(?:all|(?:include|exists):{domainspec}|(?:a|mx)(?::{domainspec})?{dual}|ptr(?::{domainspec})?|ip4:{ip4}(?:{cidr4})?|ip6:{ip6}(?:{cidr6})?)`)

	directive   = regexp.MustCompile(`^[-+?~]?` + abnf["mechanism"] + `$`)
	mailboxMods = regexp.MustCompile(`^(?:redirect|exp)=` + abnf["domainspec"] + `$`)
	unknownMod  = regexp.MustCompile(`^` + abnf["name"] + `=(?:` + abnf["textexpand"] + `|` + abnf["literal"] + `)*$`)
)

func define(name, text string) bool {
	abnf[name] = regexp.MustCompile(`\{([a-z][a-z0-9]+)\}`).ReplaceAllStringFunc(text, func(s string) string { return abnf[s[1:len(s)-1]] })
	return true
}

// inGrammar reports whether the grammar has a term.
func inGrammar(term string) bool {
	for _, c := range []byte(term) {
		if c >= 0x80 {
			return false
		}
	}
	name, _, _ := strings.Cut(term, "=")
	switch name = strings.ToLower(name); name {
	case "redirect", "exp":
		return mailboxMods.MatchString(name + term[len(name):])
	}
	// The names of mechanisms are of either case.
	head := strings.IndexAny(term, ":/")
	if head < 0 {
		head = len(term)
	}
	return directive.MatchString(strings.ToLower(term[:head])+term[head:]) || unknownMod.MatchString(term)
}

// inParser reports whether parseRecord takes a term for one of the grammar's.
func inParser(term string) bool {
	rec, _ := parseRecord("example.com", "v=spf1 "+term)
	return !rec.void
}

// seeds have every production of the grammar.
var seeds = []string{
	"all", "+all", "?mx", "~a", "a:b.example", "a/24", "A//64", "a/32//128", "a:b.example./0//0", "mx:%{d}/8", "MX:x.%{d2r-.}/8",
	"a:%{d/}.example/24", "include:b.example", "-include:%{l1r+}.x.example", "ptr", "ptr:b.example", "ip4:192.0.2.1", "ip4:10.0.0.0/8",
	"ip6:::", "ip6:2001:db8::1/64", "ip6:::ffff:192.0.2.1", "ip6:1:2:3:4:5:6:7:8/128", "exists:%{i}.x.example", "exists:%%_%_.%-.example",
	"redirect=b.example", "Redirect=%{d}", "exp=x.%{S}.b.example", "exp=%{o}", "foo=", "f-o_o.1=%{c}%{rr}%{T10r+}bar", "include=x", "a=b%%",
	"exists:a.1-1", "exists:a.x--1.", "exists:.example", "exists:a:b/c=d.example", "x=%{d00r}", "ip4:255.249.199.99/30",
}

// TestGrammar changes terms in one place, to every byte and to characters that
// look or fold like those of ASCII, and holds what is made of them against the
// grammar.
func TestGrammar(t *testing.T) {
	var chars []string
	for c := range 256 {
		if c != ' ' {
			chars = append(chars, string([]byte{byte(c)}))
		}
	}
	for _, r := range "\u00a0\u2003\u200b\u2028\u3000\ufeffKſéİı０ａ％{｛" {
		chars = append(chars, string(r))
	}
	chars = append(chars, "", "%{", "%{}", "%{d", "%{d0}", "%{x}", "%{dr2}", "%{d}", "%", "%a", "//", "::", "..", "0", "00", "999999999999999999999")
	good, bad := 0, 0
	check := func(term string) {
		want := inGrammar(term)
		if want {
			good++
		} else {
			bad++
		}
		if got := inParser(term); got != want && term != "" {
			t.Errorf("%q: taken for a term of the grammar: %v, want %v", term, got, want)
		}
	}
	for _, seed := range seeds {
		if !inGrammar(seed) && seed != "x=%{d00r}" {
			t.Errorf("seed %q is not in the grammar", seed)
		}
		for i := range len(seed) + 1 {
			for j, c := range chars {
				if !fulltest.Takes(i+j, 5) {
					continue
				}
				check(seed[:i] + c + seed[i:])
				if i < len(seed) {
					check(seed[:i] + c + seed[i+1:])
				}
			}
			check(seed[:i])
			check(seed[i:])
		}
	}
	if good < 1000 || bad < 1000 {
		t.Errorf("%d terms of the grammar and %d others: too few to prove anything", good, bad)
	}
}

// TestSeparators splits terms by every character of ASCII and by every space of
// Unicode: only a space may, between the version and a term as well.
func TestSeparators(t *testing.T) {
	var seps []string
	for c := range 256 {
		seps = append(seps, string([]byte{byte(c)}))
	}
	for r := rune(0x80); r < 0x10000; r++ {
		if unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) || unicode.Is(unicode.Cf, r) {
			seps = append(seps, string(r))
		}
	}
	seps = append(seps, "\r\n", " \t", "\t ", "  ")
	for _, sep := range seps {
		space := strings.Trim(sep, " ") == ""
		record := func(text string) (networks, said string) {
			return walked(walker(zone{"example.com TXT": {text}}), "example.com")
		}
		if got, said := record("v=spf1" + sep + "ip4:192.0.2.1 -all"); (got == "192.0.2.1/32") != space {
			t.Errorf("%q after the version: %q, %s", sep, got, said)
		}
		got, said := record("v=spf1 ip4:192.0.2.1" + sep + "ip4:192.0.2.2")
		if want := "192.0.2.1/32 192.0.2.2/32"; space && (got != want || said != "") {
			t.Errorf("%q between terms: %q, %s", sep, got, said)
		} else if !space && said == "" {
			t.Errorf("%q between terms: %q, and nothing is said", sep, got)
		}
		for _, text := range []string{"exp=a.example" + sep + "exp", "foo=bar" + sep + "baz", "a:x.example" + sep + "y"} {
			visible := len(sep) == 1 && sep[0] > ' ' && sep[0] < 0x7f
			if rec, wrong := parseRecord("example.com", "v=spf1 "+text); !space && !visible && (!rec.void || len(wrong) == 0) {
				t.Errorf("%q in %q: taken for a part of the term", sep, text)
			}
		}
	}
}

// TestVersion takes v=spf1 in ASCII letters of either case and no others.
func TestVersion(t *testing.T) {
	for text, want := range map[string]bool{
		"v=spf1": true, "V=SPF1": true, "v=SpF1 ": true, "v=spf1 -all": true,
		"v=ſpf1": false, "v=spf1\u00a0-all": false, "v=spf10": false, " v=spf1": false, "v=spf1\t": false, "v=spf1\n": false, "v=spf": false, "": false, "ｖ=spf1": false, "v＝spf1": false,
	} {
		if got := isRecord(text); got != want {
			t.Errorf("%q is a record: %v, want %v", text, got, want)
		}
	}
	if got := normal("EXAMPLE.\u212aOM."); got != "example.\u212aom" {
		t.Errorf("a Kelvin sign became %q", got)
	}
}

// TestVoid says of a record that breaks the grammar, once, what mail servers make
// of it, and says nothing of one that only cannot be listed.
func TestVoid(t *testing.T) {
	for text, want := range map[string]bool{
		"redirect=a.example redirect=a.example": true, "exp=a.example exp=b.example": true, "exp=%{x}.example": true, "exp=": true,
		"redirect=%{d0}": true, "redirect=b": true, "foo=%": true, "foo=%{d} foo=%{c}": false, "exp=%{i}.b.example": false, "redirect=%{i}.b.example": false,
		"a:x..example": false, "exists:" + strings.Repeat("x", 64) + ".example": false, "moo boo": true, "": false, "exp=%{c}.example": true,
	} {
		n := 0
		for got := range (&Walker{Resolver: zone{"example.com TXT": {"v=spf1 " + text + " -all"}}, NoName: errNoName}).Walk(t.Context(), only("example.com")) {
			if got.Note && strings.Contains(fmt.Sprint(got.Err), "permerror") {
				n++
			}
		}
		if n > 1 || (n == 1) != want {
			t.Errorf("%q: said to be void %d times, want %v", text, n, want)
		}
	}
}

// TestMacros expands the only macro that does not depend on the mail (RFC 7208,
// section 7.4).
func TestMacros(t *testing.T) {
	for text, want := range map[string]string{
		"%{d}": "email.example.com", "%{d4}": "email.example.com", "%{d3}": "email.example.com", "%{d2}": "example.com", "%{d1}.x": "com.x",
		"%{dr}": "com.example.email", "%{d2r}": "example.email", "%{D}": "email.example.com", "%{d-}.x": "email.example.com.x", "%{dl}": "",
		"a.%{d2r-.}": "a.example.email", "%{d99999999999999999999}": "email.example.com", "%{i}.%{d}": "",
	} {
		got, err := parseDomain("email.example.com", text)
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}
