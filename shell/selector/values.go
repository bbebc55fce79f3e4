package selector

import (
	"strings"

	"smtpctl/protocol"
)

// Values returns the values with which a term of this key selects exactly the field of
// an envelope: patterns with wildcards escaped, not quoted for a line. There are none
// if the field is empty, or if the key takes no values that can be listed, such as a
// time.
func Values(key string, e *protocol.Envelope) []string {
	f := Find(Fields(), key)
	if f == nil || f.has == nil {
		return nil
	}
	return f.has(e)
}

// textValues returns the has function of a key for one text.
func textValues(text func(e *protocol.Envelope) string) func(e *protocol.Envelope) []string {
	return func(e *protocol.Envelope) []string {
		if t := text(e); t != "" {
			return []string{EscapeGlob(t)}
		}
		return nil
	}
}

func recipientValues(e *protocol.Envelope) []string {
	rcpt, dest := EscapeAddress(e.Rcpt), EscapeAddress(e.Dest)
	if rcpt == dest {
		return []string{dest}
	}
	return []string{rcpt, dest}
}

func domainValues(e *protocol.Envelope) []string {
	if domain := EscapeDomain(e.Dest.Domain); domain != "" { // and not only a dot
		return []string{domain}
	}
	return nil
}

func errorValues(e *protocol.Envelope) []string {
	if e.ErrorLine == "" {
		return nil
	}
	return []string{ErrorPattern(e.ErrorLine)}
}

// sourceText returns the address that an envelope came from, nothing if it is not known.
func sourceText(r Row) string { return strings.Join(sourceValues(r.Envelope), "") }

func sourceValues(e *protocol.Envelope) []string {
	if e.Source.Local {
		return []string{"local"}
	}
	if e.Source.Addr.IsValid() {
		return []string{e.Source.Addr.Unmap().String()}
	}
	return nil
}
