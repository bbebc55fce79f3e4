package prompt

import (
	"strings"
	"testing"

	goprompt "github.com/c-bata/go-prompt"
)

func TestTokenizer(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"show", "show"},
		{"sh\tro\r", "sh|\t|ro|\r"},
		{"a\nb", "a|\r|b"},
		{"\x1b[A\x1b[B", "\x1b[A|\x1b[B"},
		{"x\x1b[1;5Dy", "x|\x1b[1;5D|y"},
		{"\x1b[99;99~z", "z"},
		{"\x1b[<0;1;1Mz", "z"},
		{"\x1b[Ez", "z"}, // keyWake cannot be typed
		{"\x1bb\x1bf", "\x1bb|\x1bf"},
		{"\x1bD\x1b.\x1b\x7f", "\x1bd|\x1b.|\x1b\x7f"},
		{"\x18\x15\x18x\x18\x18\x05\x18\x01", "\x18\x15|x|\x18\x05|\x01"},
		{"\x1f", "\x1f"},
		{"\x1bxq", "q"},
		{"a?b", "a|?|b"},
		{"日本", "日本"},
		{"a\xffb", "a|b"},
		{"\x1b[200~show ?\r\nnext\tone\n\x03\x1b[201~?", "show ?|\r|next| |one|\r|?"},
		{"\x7f\x15", "\x7f|\x15"},
		{"\x1bOA", keyUp},
	} {
		for cut := range len(tt.in) + 1 {
			var tk tokenizer
			got := append(tk.feed([]byte(tt.in[:cut])), tk.feed([]byte(tt.in[cut:]))...)
			if tk.waiting() {
				t.Errorf("%q cut at %d: %q waits", tt.in, cut, tk.rest)
			}
			// A run of text may come in two parts.
			join := func(s string) string { return strings.ReplaceAll(s, "|", "") }
			if join(strings.Join(got, "|")) != join(tt.want) || cut == 0 && strings.Join(got, "|") != tt.want {
				t.Errorf("%q cut at %d: %q, want %q", tt.in, cut, got, tt.want)
			}
		}
	}
	var tk tokenizer
	if got := tk.feed([]byte("\x1b")); len(got) != 0 || !tk.waiting() {
		t.Errorf("a lone ESC: %q", got)
	}
	if got := tk.flush(); len(got) != 1 || got[0] != keyEscape {
		t.Errorf("a lone ESC, later: %q", got)
	}
}

func TestMenuFollows(t *testing.T) {
	m := menu{n: 2}
	for _, step := range []struct {
		key string
		sel int
	}{{keyDown, 0}, {keyTab, 1}, {keyDown, 2}, {keyTab, 0}, {keyBackTab, 2}, {keyUp, 1}, {keyUp, 0}, {keyUp, 0}, {keyTab, 1}, {"x", 0}} {
		if m.key(step.key); m.sel != step.sel {
			t.Errorf("after %q: %d, want %d", step.key, m.sel, step.sel)
		}
	}
}

func FuzzTokenizer(f *testing.F) {
	f.Add([]byte("\x1b[200~a\x1b[201~\x1b[A?"), 3)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		var tk tokenizer
		if cut < 0 || cut > len(in) {
			cut = 0
		}
		n := 0
		for _, tok := range append(append(tk.feed(in[:cut]), tk.feed(in[cut:])...), tk.flush()...) {
			if tok == "" || tok == keyWake || len(tok) > maxText+4 {
				t.Fatalf("token %q", tok)
			}
			n += len(tok)
		}
		if n > 6*len(in) {
			t.Fatalf("%d bytes of %d", n, len(in))
		}
	})
}

// TestBindings types every bound key and checks that the tokenizer returns it unchanged, and
// that go-prompt gets the act of its binding or a key that it knows.
func TestBindings(t *testing.T) {
	t.Parallel()
	names, sent := map[string]bool{}, map[string]bool{}
	for _, name := range Keys() {
		if names[name] {
			t.Errorf("%s is bound twice", name)
		}
		names[name] = true
	}
	for _, b := range bindings() {
		if len(b.sent) == 0 || (b.act == "") != (b.do == nil) {
			t.Errorf("%s: %+v", b.keys, b)
		}
		for _, k := range b.sent {
			if sent[k] {
				t.Errorf("%q is bound twice", k)
			}
			sent[k] = true
			var tk tokenizer
			got := append(tk.feed([]byte(k)), tk.flush()...)
			if len(got) != 1 || got[0] != k {
				t.Errorf("%s: %q arrives as %q", b.keys, k, got)
				continue
			}
			for _, searching := range []bool{false, true} {
				term := &terminal{searching: searching}
				to := term.translate(k)
				if goprompt.GetKey([]byte(to)) == goprompt.NotDefined && to != keyHelp && !strings.HasPrefix(to, actPrefix) && to != "" {
					t.Errorf("%s: go-prompt would insert %q", b.keys, to)
				}
				if b.act != "" && !searching && to != actPrefix+b.act {
					t.Errorf("%s: go-prompt gets %q, want %q", b.keys, to, b.act)
				}
			}
		}
	}
}
