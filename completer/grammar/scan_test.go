package grammar

import (
	"fmt"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// show writes a token as START-END and what else is to know of it.
func show(t Token) string {
	text := fmt.Sprintf("%d-%d", t.Start, t.End)
	if t.Kind == TokenWord {
		text += " word"
	}
	text += " " + t.Text
	for _, more := range []struct {
		is   bool
		text string
	}{{t.Quoted, " quoted"}, {t.Escape, " escape"}, {t.Shell, " sh"}, {t.Open != 0, " open" + string(rune(t.Open))}, {t.Misplaced != 0, " misplaced" + string(rune(t.Misplaced))}} {
		if more.is {
			text += more.text
		}
	}
	return text
}

func TestScan(t *testing.T) {
	for line, want := range map[string][]string{
		"":                     nil,
		" \t ":                 nil,
		"show  queue":          {"0-4 word show", "6-11 word queue"},
		"a;b ;;":               {"0-1 word a", "1-2 ;", "2-3 word b", "4-5 ;", "5-6 ;"},
		"a#b #c ; d":           {"0-3 word a#b", "4-10 #c ; d"},
		"a;#b":                 {"0-1 word a", "1-2 ;", "2-4 #b"},
		"a >b>> 'c d'":         {"0-1 word a", "2-3 >", "3-4 word b", "4-6 >>", "7-12 word c d quoted"},
		"a | b & c >d # e":     {"0-1 word a", "2-3 |", "4-5 word b sh", "6-7 & sh", "8-9 word c sh", "10-11 > sh", "11-12 word d sh", "13-16 # e sh"},
		"a | (b) <c 2>d":       {"0-1 word a", "2-3 |", "4-7 word (b) sh", "8-10 word <c sh", "11-12 word 2 sh", "12-13 > sh", "13-14 word d sh"},
		`'a b' "c'" x\ y ''`:   {"0-5 word a b quoted", "6-10 word c' quoted", "11-15 word x y quoted", "16-18 word  quoted"},
		`"\d\"\\\$" \t`:        {"0-10 word \\d\"\\$ quoted", "11-13 word t quoted"},
		"from='<>'x":           {"0-10 word from=<>x quoted"},
		"a 'b c":               {"0-1 word a", "2-6 word b c quoted open'"},
		`a "b\`:                {"0-1 word a", `2-5 word b quoted escape open"`},
		`a\`:                   {"0-2 word a quoted escape"},
		"a `b c` $(d e) `f ":   {"0-1 word a", "2-7 word `b c`", "8-14 word $(d e)", "15-18 word `f  open`"},
		"$(a (b":               {"0-6 word $(a (b open( misplaced("},
		"<a@b> c&d (e) 12>f":   {"0-4 word <a@b misplaced<", "4-5 >", "6-9 word c&d misplaced&", "10-13 word (e) misplaced(", "14-16 word 12 misplaced1", "16-17 >", "17-18 word f"},
		"日本;語 \xff":            {"0-6 word 日本", "6-7 ;", "7-10 word 語", "11-12 word \xff"},
		"sort=-age,size -- -x": {"0-14 word sort=-age,size", "15-17 word --", "18-20 word -x"},
	} {
		var got []string
		for _, token := range Scan(line) {
			got = append(got, show(token))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", line, got, want)
		}
	}
}

// TestScanAsSh has sh cut lines of all quotes, in all orders, and compares its words.
func TestScanAsSh(t *testing.T) {
	pieces := []string{"a", " ", "'", `"`, `\`, "#", "=", "n", "d", "\t", "é", "*"}
	var lines []string
	var add func(line string, more int)
	add = func(line string, more int) {
		tokens := Scan(line)
		if n := len(tokens); n > 0 && tokens[n-1].Open == 0 && !tokens[n-1].Escape && strings.ContainsAny(line, `'"\#`) {
			lines = append(lines, line)
		}
		if more > 0 {
			for _, p := range pieces {
				add(line+p, more-1)
			}
		}
	}
	for _, p := range []string{"", `"`, `"a\`, "'", "x"} {
		add(p, 3)
	}
	var script strings.Builder
	script.WriteString("set -f\nwords() { for w in \"$@\"; do printf '%s\\001' \"$w\"; done; printf '\\002'; }\n")
	for _, line := range lines {
		fmt.Fprintf(&script, "words %s\n", line)
	}
	cmd := exec.Command("sh")
	cmd.Stdin = strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := strings.Split(string(out), "\x02")
	if len(answers) != len(lines)+1 {
		t.Fatalf("%d answers of sh for %d lines", len(answers)-1, len(lines))
	}
	for i, line := range lines {
		got := ""
		for _, token := range Scan(line) {
			if token.Kind == TokenWord {
				got += token.Text + "\x01"
			}
		}
		if got != answers[i] {
			t.Errorf("%q: %q, sh has %q", line, got, answers[i])
		}
	}
	t.Logf("%d lines", len(lines))
}

// checkScan checks what is true of the tokens of any line.
func checkScan(t *testing.T, line string) {
	tokens := Scan(line)
	at := 0
	for i, k := range tokens {
		if k.Start < at || k.End <= k.Start || k.End > len(line) || strings.Trim(line[at:k.Start], " \t\r\n") != "" {
			t.Fatalf("%q: token %d is %s, after byte %d", line, i, show(k), at)
		}
		if !k.Quoted && k.Text != line[k.Start:k.End] {
			t.Fatalf("%q: token %d is %s", line, i, show(k))
		}
		at = k.End
	}
	if strings.Trim(line[at:], " \t\r\n") != "" {
		t.Fatalf("%q: nothing is said of %q", line, line[at:])
	}
	// A token is not changed by what follows it after a blank, unless that is quoted.
	if n := len(tokens); n > 0 && tokens[n-1].Kind != TokenComment && tokens[n-1].Open == 0 && !tokens[n-1].Escape {
		if longer := Scan(line + " x"); !reflect.DeepEqual(longer[:n], tokens) || longer[n].Text != "x" {
			t.Fatalf("%q: with another word: %v", line, longer)
		}
	}
	// What is quoted is one word, in any place where a word begins.
	for _, k := range tokens {
		if k.Kind != TokenWord {
			continue
		}
		if again := Scan("a " + Quote(k.Text) + " b"); len(again) != 3 || again[1].Text != k.Text {
			t.Fatalf("%q: %s is quoted as %s", line, show(k), Quote(k.Text))
		}
	}
}

func TestScanOfAnything(t *testing.T) {
	var add func(line string, more int)
	add = func(line string, more int) {
		checkScan(t, line)
		if more > 0 {
			for _, c := range "a 2'\"\\;|>#<&($`)" {
				add(line+string(c), more-1)
			}
		}
	}
	add("", 4)
}

func FuzzScan(f *testing.F) {
	for _, line := range []string{"a b | c > d; e # f", `a 'b' "c" \d`, "$(x y) `z w`", "2> x", "a;b>>c", "a (b) <c &", "日本 \xff"} {
		f.Add(line)
	}
	f.Fuzz(checkScan)
}
