package selector

import (
	"bytes"
	"io"
	"mime"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Headers cuts the head of a message, or as much of it as there is, into fields,
// unfolded and decoded as RFC 2047 has it, by their names in lower case. What is no field
// ends it. It keeps no reference to head.
func Headers(head []byte) map[string][]string {
	fields := map[string][]string{}
	name, value := "", ""
	flush := func() {
		if name != "" {
			fields[name] = append(fields[name], decodeWords(strings.TrimSpace(value)))
		}
		name = ""
	}
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		if text[0] == ' ' || text[0] == '\t' {
			value += " " + strings.TrimSpace(text)
			continue
		}
		flush()
		key, rest, ok := strings.Cut(text, ":")
		if key = strings.TrimRight(key, " \t"); !ok || key == "" || strings.ContainsAny(key, " \t") {
			break
		}
		name, value = strings.ToLower(key), rest
	}
	flush()
	return fields
}

// decoder decodes the words of RFC 2047.
var decoder = mime.WordDecoder{CharsetReader: charsetReader}

// decodeWords returns a text with its encoded words decoded; as it is, if that fails.
func decodeWords(text string) string {
	if !strings.Contains(text, "=?") {
		return text
	}
	if decoded, err := decoder.DecodeHeader(text); err == nil {
		return decoded
	}
	return text
}

// plainCharset is the name of a character set in lower case without punctuation.
var plainCharset = strings.NewReplacer("-", "", "_", "", " ", "", "cp125", "windows125")

// charsetReader decodes the character sets of one byte a character.
func charsetReader(charset string, input io.Reader) (io.Reader, error) {
	want := plainCharset.Replace(strings.ToLower(charset))
	for _, e := range charmap.All {
		if m, ok := e.(*charmap.Charmap); ok && plainCharset.Replace(strings.ToLower(m.String())) == want {
			return m.NewDecoder().Reader(input), nil
		}
	}
	return input, nil // one that is not known: the bytes as they are
}
