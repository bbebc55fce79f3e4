package command

import "smtpctl/protocol"

// Now is how things are while a line is typed, for Command.Ready. Each of its functions
// may ask smtpd in the background, and does not know at first.
type Now struct {
	// Paused reports whether a part of smtpd is paused.
	Paused func(s protocol.Subsystem) (yes, known bool)
	// PausedRoutes reports whether relaying is paused from any address, by pause mta from.
	PausedRoutes func() (yes, known bool)
	// Disabled reports whether smtpd has disabled any route.
	Disabled func() (yes, known bool)
	// Changed reports whether the session has changed something that can be taken back.
	Changed func() bool
	// Holds reports whether there is a hold.
	Holds func() bool
}

// The Ready of what pauses a part of smtpd, and of what ends a pause of it.

func ReadyIfMDARuns(n *Now) bool    { return n.runs(protocol.MDA) }
func ReadyIfMDAPaused(n *Now) bool  { return n.paused(protocol.MDA) }
func ReadyIfMTARuns(n *Now) bool    { return n.runs(protocol.MTA) }
func ReadyIfMTAPaused(n *Now) bool  { return n.paused(protocol.MTA) }
func ReadyIfSMTPRuns(n *Now) bool   { return n.runs(protocol.SMTP) }
func ReadyIfSMTPPaused(n *Now) bool { return n.paused(protocol.SMTP) }

// paused reports whether a part of smtpd may be paused.
func (n *Now) paused(s protocol.Subsystem) bool {
	yes, known := n.Paused(s)
	return yes || !known
}

// runs reports whether a part of smtpd may run.
func (n *Now) runs(s protocol.Subsystem) bool {
	yes, known := n.Paused(s)
	return !yes || !known
}

// ReadyIfRoutePaused is the Ready of what ends a pause of relaying from an address.
func ReadyIfRoutePaused(n *Now) bool {
	yes, known := n.PausedRoutes()
	return yes || !known
}

// ReadyIfDisabled is the Ready of what enables routes.
func ReadyIfDisabled(n *Now) bool {
	yes, known := n.Disabled()
	return yes || !known
}

// ReadyIfChanged is the Ready of what takes back a change.
func ReadyIfChanged(n *Now) bool { return n.Changed() }

// ReadyIfHeld is the Ready of what ends a hold.
func ReadyIfHeld(n *Now) bool { return n.Holds() }
