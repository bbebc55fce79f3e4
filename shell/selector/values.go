package selector

import "smtpctl/protocol"

// Values returns the values of a term with this key that select an envelope by what
// it has there, each just its own: patterns with wildcards escaped, not quoted for a
// line. There is none if the envelope has nothing there, or if the key has no values
// that could be counted, such as a time.
func Values(key string, e *protocol.Envelope) []string {
	f := Find(Fields, key)
	if f == nil || f.has == nil {
		return nil
	}
	return f.has(e)
}

// textValues returns the has of a key for one text.
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

func sourceValues(e *protocol.Envelope) []string {
	if e.Source.Local {
		return []string{"local"}
	}
	if e.Source.Addr.IsValid() {
		return []string{e.Source.Addr.Unmap().String()}
	}
	return nil
}
