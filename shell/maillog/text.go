package maillog

import (
	"fmt"
	"strings"
	"time"
)

// Text returns an event on one line.
func (e *Event) Text() string {
	var b strings.Builder
	if e.Time != 0 {
		b.WriteString(time.Unix(int64(e.Time), 0).Format(time.DateTime) + " ")
	}
	say := func(format, text string) {
		if text != "" {
			fmt.Fprintf(&b, format, text)
		}
	}
	if e.Envelope != "" {
		b.WriteString(e.Envelope + " ")
	}
	related := strings.Join(e.Related, " or ")
	switch e.Kind {
	case Accepted:
		fmt.Fprintf(&b, "accepted from <%s>", e.From)
		say(", %s bytes", e.Size)
		say(", by client %s", e.Client)
		say(", as user %s", e.User)
		say(", TLS %s", e.TLS)
		say(", perhaps the bounce of message %s", related)
		return b.String()
	case Recipient:
		fmt.Fprintf(&b, "for <%s>", e.To)
		return b.String()
	case Bounced:
		fmt.Fprintf(&b, "perhaps returned to <%s> in message %s", e.To, related)
		return b.String()
	case Unsent:
		fmt.Fprintf(&b, "the report to <%s> could not be sent", e.To)
		say(": %s", e.Reply)
		return b.String()
	case Rejected:
		say("recipient <%s> rejected", e.To)
		say("sender <%s> rejected", e.From)
		say(", of client %s", e.Client)
		say(", as user %s", e.User)
		say(": %s", e.Reply)
		return b.String()
	}
	fmt.Fprintf(&b, "to <%s> %s", e.To, e.Kind)
	say(" by %s", e.Relay)
	say(" for user %s", e.User)
	say(" after %s", e.Delay)
	say(", TLS %s", e.TLS)
	say(": %s", e.Reply)
	if len(e.Perhaps) > 0 {
		say("; sessions that had failed just before, perhaps why: %s", strings.Join(e.Perhaps, "; "))
	}
	return b.String()
}
