// Package encoding replaces github.com/gdamore/encoding by the two of its character sets that
// tcell uses; go.mod says so. The original prepares all its character sets at the start of
// every program that is linked with tcell, which took a sixth of the time of show status. This
// one prepares nothing.
package encoding

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// UTF8 passes text in UTF-8 unchanged; invalid bytes make Transform return
// encoding.ErrInvalidUTF8.
var UTF8 encoding.Encoding = validUTF8{}

// ASCII replaces each character outside ASCII: by encoding.ASCIISub when encoding, which tcell
// looks for, and by U+FFFD for each byte when decoding.
var ASCII encoding.Encoding = ascii{}

type validUTF8 struct{}

// NewDecoder implements encoding.Encoding.
func (validUTF8) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: encoding.UTF8Validator}
}

// NewEncoder implements encoding.Encoding.
func (validUTF8) NewEncoder() *encoding.Encoder {
	return &encoding.Encoder{Transformer: encoding.UTF8Validator}
}

type ascii struct{}

func (ascii) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: fromASCII{}}
}

// NewEncoder implements encoding.Encoding.
func (ascii) NewEncoder() *encoding.Encoder { return &encoding.Encoder{Transformer: toASCII{}} }

type fromASCII struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (fromASCII) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for _, b := range src {
		r := rune(b)
		if b >= utf8.RuneSelf {
			r = utf8.RuneError
		}
		if nDst+utf8.RuneLen(r) > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc++
	}
	return nDst, nSrc, nil
}

type toASCII struct{ transform.NopResetter }

// Transform implements transform.Transformer.
func (toASCII) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		r, n := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && n == 1 && !atEOF && !utf8.FullRune(src[nSrc:]) {
			return nDst, nSrc, transform.ErrShortSrc
		}
		if nDst == len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		dst[nDst] = encoding.ASCIISub
		if r < utf8.RuneSelf {
			dst[nDst] = byte(r)
		}
		nDst++
		nSrc += n
	}
	return nDst, nSrc, nil
}
