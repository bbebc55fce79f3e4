package browse

import (
	"testing"

	"github.com/gdamore/tcell/v2"
)

// TestCharacterSets checks what tcell needs of the character sets that stand for those of
// github.com/gdamore/encoding: what cannot be encoded is marked with SUB, for which tcell
// looks, and what cannot be decoded with U+FFFD.
func TestCharacterSets(t *testing.T) {
	for _, tt := range []struct{ set, text, encoded, decoded string }{
		{"UTF-8", "aüト🙂", "aüト🙂", "aüト🙂"},
		{"US-ASCII", "aüz🙂", "a\x1az\x1a", "a\x1az\x1a"},
		{"US-ASCII", "plain ~\x00\x7f", "plain ~\x00\x7f", "plain ~\x00\x7f"},
	} {
		e := tcell.GetEncoding(tt.set)
		if e == nil {
			t.Fatalf("%s is not known", tt.set)
		}
		got, err := e.NewEncoder().String(tt.text)
		if err != nil || got != tt.encoded {
			t.Errorf("%s: %q encoded: %q, %v", tt.set, tt.text, got, err)
		}
		back, err := e.NewDecoder().String(got)
		if err != nil || back != tt.decoded {
			t.Errorf("%s: %q decoded: %q, %v", tt.set, got, back, err)
		}
	}
	ascii := tcell.GetEncoding("ascii")
	if got, err := ascii.NewDecoder().String("a\xff\x80z"); err != nil || got != "a\ufffd\ufffdz" {
		t.Errorf("what is not ASCII decoded: %q, %v", got, err)
	}
	// As tcell calls it: rune by rune, into a little room.
	dst := make([]byte, 6)
	if n, read, err := ascii.NewEncoder().Transform(dst, []byte("ü"), true); n != 1 || read != 2 || err != nil || dst[0] != '\x1a' {
		t.Errorf("one rune: %d written, %d read, %v, %q", n, read, err, dst[:n])
	}
}
