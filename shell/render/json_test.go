package render

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestJSONOnTerminal writes every byte, and characters that do not show or change
// the direction of writing, as JSON to a terminal: the terminal gets JSON that
// stands for the same text, and nothing that could act on it.
func TestJSONOnTerminal(t *testing.T) {
	var texts []string
	for c := range 256 {
		texts = append(texts, "a"+string([]byte{byte(c)})+"b")
	}
	for _, r := range "\u0080\u0085\u009b\u00a0\u00ad\u200b\u200e\u202a\u202e\u2028\u2066\ufeff\ufff9\ufffd\U000e0001\U0001f600ä日" {
		texts = append(texts, string(r))
	}
	for _, text := range texts {
		line, err := AppendJSON([]byte("before\n"), map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		line = bytes.TrimPrefix(line, []byte("before\n"))
		var screen bytes.Buffer
		NewSafeWriter(&screen).Write(line)
		if !bytes.Equal(screen.Bytes(), line) {
			t.Errorf("%q: JSON %q becomes %q on a terminal", text, line, screen.Bytes())
		}
		var got map[string]string
		if err := json.Unmarshal(line, &got); err != nil {
			t.Errorf("%q: %q: %v", text, line, err)
		}
		want := strings.ToValidUTF8(text, string(utf8.RuneError))
		if got[want] != want {
			t.Errorf("%q: %q stands for %q", text, line, got)
		}
	}
}
