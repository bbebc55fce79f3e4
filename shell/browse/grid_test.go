package browse

import (
	"slices"
	"testing"

	"smtpctl/shell/selector"
)

// TestGridHeads lists each field alone, and all usual ones: no head is cut where there is
// room for it.
func TestGridHeads(t *testing.T) {
	u := &ui{}
	lists := [][]*selector.Field{}
	var usual []*selector.Field
	for _, f := range selector.Fields() {
		if f.Column == "" {
			continue
		}
		lists = append(lists, []*selector.Field{f})
		if slices.Contains(selector.DefaultColumns, f.Name) {
			usual = append(usual, f)
		}
	}
	for _, fields := range append(lists, usual) {
		for _, c := range u.listGrid(fields, 80).cols {
			if c.Width < len(c.Head) {
				t.Errorf("%v: %q has %d columns", selector.Names(fields), c.Head, c.Width)
			}
		}
	}
}
