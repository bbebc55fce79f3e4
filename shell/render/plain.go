package render

import (
	"strconv"

	"smtpctl/protocol"
)

// maxErrorLine is how much of an error line smtpctl prints: LINE_MAX less the
// NUL.
const maxErrorLine = 2047

// flagNames are the flags that show queue names, in its order.
var flagNames = []struct {
	flag protocol.Flags
	name string
}{
	{protocol.FlagBounce, "bounce"},
	{protocol.FlagAuth, "auth"},
	{protocol.FlagInternal, "internal"},
	{protocol.FlagSuspend, "suspend"},
	{protocol.FlagHold, "hold"},
}

// AppendEnvelope appends an envelope as smtpctl's show queue prints it: fields
// split by "|", the times in seconds since 1970, and a newline. now is the time
// that the delays refer to. An envelope read from disk is offline.
func AppendEnvelope(b []byte, e *protocol.Envelope, now int64, online bool) []byte {
	b = e.ID.Append(b)
	b = append(b, '|')
	b = append(b, e.Source.Family()...)
	b = append(b, '|')
	b = append(b, e.Type.String()...)
	b = append(b, '|')
	b = appendFlags(b, e.Flags)
	for _, a := range [...]protocol.Address{e.Sender, e.Rcpt, e.Dest} {
		b = append(b, '|')
		b = append(b, a.User...)
		b = append(b, '@')
		b = append(b, a.Domain...)
	}
	for _, t := range [...]int64{e.Created, e.Created + e.TTL, e.LastTry, int64(e.Retry)} {
		b = append(b, '|')
		b = strconv.AppendUint(b, uint64(t), 10)
	}
	b = append(b, '|')
	switch {
	case !online:
		b = append(b, "offline|"...)
	case e.Flags&protocol.FlagPending != 0:
		b = append(b, "pending|"...)
		b = strconv.AppendInt(b, e.NextTry-now, 10)
	case e.Flags&protocol.FlagInflight != 0:
		b = append(b, "inflight|"...)
		b = strconv.AppendInt(b, now-e.LastTry, 10)
	default:
		b = append(b, "invalid|"...)
	}
	b = append(b, '|')
	b = AppendVis(b, e.ErrorLine, maxErrorLine)
	return append(b, '\n')
}

func appendFlags(b []byte, f protocol.Flags) []byte {
	start := len(b)
	for _, n := range flagNames {
		if f&n.flag != 0 {
			if len(b) > start {
				b = append(b, ',')
			}
			b = append(b, n.name...)
		}
	}
	return b
}
