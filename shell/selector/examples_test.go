package selector

import (
	"strings"
	"testing"

	"smtpctl/completer/grammar"
)

// TestExamples has examples for every term that are terms.
func TestExamples(t *testing.T) {
	for _, f := range Terms() {
		if len(examples()[f.Name]) == 0 {
			t.Errorf("%s has no example", f.Name)
		}
		for _, text := range examples()[f.Name] {
			at := grammar.Cursor(text)
			if at.Comment {
				t.Fatalf("%s is no line", text)
			}
			for _, w := range append(at.Before, at.Word.Text) {
				if term, err := Parse(w); err != nil {
					t.Errorf("%s: %q: %v", text, w, err)
				} else if strings.Count(text, "=") < 2 && !strings.HasPrefix(term.Key, f.Name) {
					t.Errorf("%s is an example of %s", text, term.Key)
				}
			}
		}
		if text := f.Explain(); !strings.Contains(text, f.Doc) || !strings.Contains(text, examples()[f.Name][0]) {
			t.Errorf("%s: %s", f.Name, text)
		}
	}
}
