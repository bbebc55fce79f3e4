package render

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"smtpctl/protocol/fulltest"
)

// TestJSONText encodes text of every byte, in pieces of every kind, as AppendJSON
// encodes it in one.
func TestJSONText(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "\"", "\\", "\n", "\x00", "\x1b", "\x7f", "\x85", "ä", "語", "𝄞", "\xc3", "\xf0\x9f", "\xff", "\u2028", "<&>", "\u202e"}
	for c := range 256 {
		alphabet = append(alphabet, string([]byte{byte(c)}))
	}
	for size := 0; size < 400; size += fulltest.Of(1, 6) {
		var text []byte
		for len(text) < size*size/4 {
			text = append(text, alphabet[r.IntN(len(alphabet))]...)
		}
		want, err := AppendJSON(nil, string(text))
		if err != nil {
			t.Fatal(err)
		}
		got := bytes.NewBufferString("\"")
		j := NewJSONText(got)
		for rest := text; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 1+size*100))
			if w, err := j.Write(rest[:n]); w != n || err != nil {
				t.Fatal(w, err)
			}
			rest = rest[n:]
		}
		if err := j.End(); err != nil {
			t.Fatal(err)
		}
		if got.WriteString("\"\n"); got.String() != string(want) {
			t.Fatalf("%q\ngot  %s\nwant %s", text, got, want)
		}
	}
}
