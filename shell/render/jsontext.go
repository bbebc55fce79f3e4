package render

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// A JSONText writes a text of any length as the content of one JSON string, as
// AppendJSON would.
type JSONText struct {
	w    io.Writer
	buf  []byte
	part []byte // the start of a character whose end has not been written yet
}

// NewJSONText returns a JSONText that writes to w. The caller writes the quotes.
func NewJSONText(w io.Writer) *JSONText { return &JSONText{w: w} }

// jsonPiece is how many bytes of a text are encoded at once.
const jsonPiece = 16 << 10

// Write encodes p and writes it. A character that is split by the end of p waits for
// the next Write.
func (j *JSONText) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		piece := p[:min(len(p), jsonPiece)]
		p = p[len(piece):]
		if len(j.part) > 0 {
			piece = append(j.part, piece...)
			j.part = nil
		}
		whole := len(piece)
		for i := 1; i < utf8.UTFMax && i <= len(piece); i++ {
			if at := len(piece) - i; utf8.RuneStart(piece[at]) {
				if !utf8.FullRune(piece[at:]) {
					whole = at
				}
				break
			}
		}
		j.part = append(j.part, piece[whole:]...)
		if err := j.encode(piece[:whole]); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// End writes the bytes that have been held back.
func (j *JSONText) End() error {
	part := j.part
	j.part = nil
	return j.encode(part)
}

func (j *JSONText) encode(text []byte) error {
	var err error
	if j.buf, err = AppendJSON(j.buf[:0], string(text)); err != nil {
		return err
	}
	_, err = j.w.Write(bytes.TrimSuffix(bytes.TrimPrefix(j.buf, []byte{'"'}), []byte("\"\n")))
	return err
}
