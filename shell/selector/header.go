package selector

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"sync"

	"golang.org/x/text/encoding/charmap"
)

// Headers parses the headers of a message, or as much of them as there is, into fields
// by their names in lower case. Values are unfolded and decoded (RFC 2047). A line that
// is not a field ends the headers. The result keeps no reference to head.
func Headers(head []byte) map[string][]string {
	fields := map[string][]string{}
	name, value := "", []byte(nil)
	flush := func() {
		if name != "" {
			fields[name] = append(fields[name], decodeWords(strings.TrimSpace(string(value))))
		}
		name = ""
	}
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if text[0] == ' ' || text[0] == '\t' {
			value = append(append(value, ' '), strings.TrimSpace(text)...)
			continue
		}
		flush()
		key, rest, ok := strings.Cut(text, ":")
		if key = strings.TrimRight(key, " \t"); !ok || key == "" || strings.ContainsAny(key, " \t") {
			break
		}
		name, value = strings.ToLower(key), append(value[:0], rest...)
	}
	flush()
	return fields
}

// decoder decodes the encoded words of RFC 2047.
var decoder = mime.WordDecoder{CharsetReader: charsetReader}

// decodeWords returns a text with its encoded words decoded, or unchanged if that
// fails.
func decodeWords(text string) string {
	if !strings.Contains(text, "=?") {
		return text
	}
	if decoded, err := decoder.DecodeHeader(text); err == nil {
		return decoded
	}
	return text
}

// plainCharset reduces the name of a character set to lower case without punctuation.
var plainCharset = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("-", "", "_", "", " ", "", "cp125", "windows125")
})

// charsets are the character sets of one byte for each character, by their plain names.
var charsets = sync.OnceValue(func() map[string]*charmap.Charmap {
	sets := map[string]*charmap.Charmap{}
	for _, e := range charmap.All {
		if m, ok := e.(*charmap.Charmap); ok {
			sets[plainCharset().Replace(strings.ToLower(m.String()))] = m
		}
	}
	return sets
})

// charsetReader decodes the character sets of one byte for each character.
func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	if m := charsets()[plainCharset().Replace(strings.ToLower(charset))]; m != nil {
		return m.NewDecoder().Reader(input), nil
	}
	return input, nil // one that is not known: the bytes as they are
}
