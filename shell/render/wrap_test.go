package render

import "testing"

// TestFill joins prose, and nothing else.
func TestFill(t *testing.T) {
	for text, want := range map[string]string{
		"one\ntwo":                 "one two",
		"One.\nTwo\nthree:\nfour":  "One.\nTwo three:\nfour",
		"one\n\ntwo":               "one\n\ntwo",
		"one\n  a  b\n  c  d\ntwo": "one\n  a  b\n  c  d\ntwo",
		"":                         "",
		"one\n":                    "one\n",
	} {
		if got := Fill(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"short", "short"},
		{"one two three four five six seven", "one two three four\nfive six seven"},
		{"  one two three four five six", "  one two three four\n  five six"},
		{"  a  one two three four five six", "  a  one two three\n     four five six"},
		{"averylongwordthatdoesnotfitatall x", "averylongwordthatdoesnotfitatall\nx"},
		{"日本語 日本語 日本語 日本語", "日本語 日本語 日本語\n日本語"},
		{"", ""}, {"a\n\nb\n", "a\n\nb\n"},
	} {
		if got := Wrap(tt.text, 20); got != tt.want && len(tt.text) > 0 {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
	if got := Wrap("one two three four", 5); got != "one two three four" {
		t.Errorf("too narrow: %q", got)
	}
}
