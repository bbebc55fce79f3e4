package command

import (
	"strings"

	"smtpctl/shell/render"
)

// An expandedPrinter prints each row as a block with one line for each column that is
// not empty. Everything else it prints like a table.
type expandedPrinter struct{ tablePrinter }

func (expandedPrinter) rows(c *Call, r *Rows) {
	widest := 0
	for _, name := range r.Labels {
		widest = max(widest, len(name))
	}
	r.print = r.append(func(b []byte) ([]byte, error) {
		if r.printed > 1 {
			b = append(b, '\n')
		}
		for i, text := range r.Long() {
			if text == "" {
				continue
			}
			b = append(b, c.Out.Style.Bold(r.Labels[i]+":")...)
			b = append(b, strings.Repeat(" ", widest-len(r.Labels[i])+1)...)
			text = render.Safe(text)
			if p := r.Columns[i].Paint; p != nil {
				if paint := p(c.Out.Style, text); paint != nil {
					text = paint(text)
				}
			}
			b = append(append(b, text...), '\n')
		}
		return b, nil
	}, c.Out.WriteStyled)
}
