// Package render writes results: the bytes of OpenSMTPD's smtpctl for scripts, and text
// that is safe on a terminal.
package render

// AppendVis appends s escaped as by vis(3) without flags, as OpenSMTPD's smtpctl prints
// error lines: a backslash is doubled, control characters become \^X, bytes above 127
// \M-X or \M^X, and 0xa0 \240. It stops before the result would be longer than most
// bytes.
func AppendVis(dst []byte, s string, most int) []byte {
	limit := len(dst) + most
	for i := range len(s) {
		c := s[i]
		var esc [4]byte
		e := append(esc[:0], c)
		switch {
		case c == '\\':
			e = append(e, '\\')
		case c >= ' ' && c < 0x7f, c == '\t', c == '\n':
		case c&0x7f == ' ':
			e = append(e[:0], '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			e = append(e[:0], '\\')
			if c&0x80 != 0 {
				e = append(e, 'M')
				c &= 0x7f
			}
			switch {
			case c == 0x7f:
				e = append(e, '^', '?')
			case c < ' ':
				e = append(e, '^', c+'@')
			default:
				e = append(e, '-', c)
			}
		}
		if len(dst)+len(e) > limit {
			break
		}
		dst = append(dst, e...)
	}
	return dst
}
