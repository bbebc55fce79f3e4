package selector

import "smtpctl/protocol"

// Values returns the values of a term with this key that select an envelope by what
// it has there, each just its own: patterns with wildcards escaped, not quoted for a
// line. There is none if the envelope has nothing there, or if the key has no values
// that could be counted, such as a time.
func Values(key string, e *protocol.Envelope) []string {
	text := func(v string) []string {
		if v == "" {
			return nil
		}
		return []string{EscapeGlob(v)}
	}
	switch key {
	case "from":
		return []string{EscapeAddress(e.Sender)}
	case "to":
		rcpt, dest := EscapeAddress(e.Rcpt), EscapeAddress(e.Dest)
		if rcpt == dest {
			return []string{dest}
		}
		return []string{rcpt, dest}
	case "domain":
		if domain := EscapeDomain(e.Dest.Domain); domain != "" { // and not only a dot
			return []string{domain}
		}
	case "error":
		if e.ErrorLine == "" {
			return nil
		}
		return []string{ErrorPattern(e.ErrorLine)}
	case "host":
		return text(e.Hostname)
	case "helo":
		return text(e.Helo)
	case "user":
		return text(e.Username)
	case "tag":
		return text(e.Tag)
	case "src":
		if e.Source.Local {
			return []string{"local"}
		}
		if e.Source.Addr.IsValid() {
			return []string{e.Source.Addr.Unmap().String()}
		}
	}
	return nil
}
