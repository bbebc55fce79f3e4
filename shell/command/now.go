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

// ReadyIfPaused is the Ready of what ends a pause of a part of smtpd.
func ReadyIfPaused(s protocol.Subsystem) func(*Now) bool {
	return func(n *Now) bool {
		yes, known := n.Paused(s)
		return yes || !known
	}
}

// ReadyIfRunning is the Ready of what pauses a part of smtpd.
func ReadyIfRunning(s protocol.Subsystem) func(*Now) bool {
	return func(n *Now) bool {
		yes, known := n.Paused(s)
		return !yes || !known
	}
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
