package render

import (
	"smtpctl/protocol"
)

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

// AppendFlags appends the names of flags as show queue of OpenSMTPD's smtpctl prints
// them, separated by commas.
func AppendFlags(b []byte, f protocol.Flags) []byte {
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

// FlagNames returns the names of flags that are no state of their own.
func FlagNames(f protocol.Flags) []string {
	var names []string
	for _, n := range flagNames {
		if f&n.flag != 0 && n.flag != protocol.FlagSuspend && n.flag != protocol.FlagHold {
			names = append(names, n.name)
		}
	}
	return names
}
