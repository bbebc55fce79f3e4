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

// TestGridNarrow lists the usual fields on screens of all widths, for one machine and for
// several: what is needed most stays, and can be read where the screen has room for it at all.
func TestGridNarrow(t *testing.T) {
	var usual []*selector.Field
	for _, name := range selector.DefaultColumns {
		usual = append(usual, selector.Find(selector.Fields(), name))
	}
	for hosts := range 10 {
		u := &ui{hosts: hosts}
		for cols := 1; cols < 250; cols++ {
			g := u.listGrid(usual, cols)
			width := markWidth + len(g.cols) - 1
			var heads []string
			for _, c := range g.cols {
				width += c.Width
				heads = append(heads, c.Head)
			}
			for _, head := range []string{"TO", "ERROR"} {
				if !slices.Contains(heads, head) {
					t.Errorf("%d columns: %v", cols, heads)
				}
			}
			if room := cols - hosts; room >= 40 && (!g.readable() || width > cols) {
				t.Errorf("%d columns, %d for machines: %v take %d", cols, hosts, heads, width)
			}
			if cols-hosts > 80 && !slices.Contains(heads, "FROM") {
				t.Errorf("%d columns, %d for machines: %v", cols, hosts, heads)
			}
		}
	}
}
