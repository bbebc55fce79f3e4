package shell

// inspectCommands are the commands that look into mail and relaying.
var inspectCommands = []*Command{
	{Pattern: "explain <envelope>", Group: groupQueue, Origin: Own, Needs: NeedsNames, Run: runExplain,
		Summary: "say why an envelope is still in the queue, and what would help"},
	{Pattern: "show envelope <envelope>", Group: groupQueue, Run: runShowEnvelope,
		Summary: "show the content of an envelope"},
	{Pattern: "show hosts", Group: groupRelay, Run: runReport,
		Summary: "show the remote hosts that smtpd knows"},
	{Pattern: "show hoststats", Group: groupRelay, Run: runReport,
		Summary: "show the last delivery to each domain of the last 4 hours"},
	{Pattern: "show message <id>", Group: groupQueue, Run: runShowMessage,
		Summary: "show the content of a message"},
	{Pattern: "show mta paused", Group: groupRelay, Run: runReport,
		Summary: "show what pause mta from has paused"},
	{Pattern: "show relays", Group: groupRelay, Run: runReport,
		Summary: "show the relays in use and their connectors"},
	{Pattern: "show routes", Group: groupRelay, Run: runReport,
		Summary: "show the routes that smtpd knows and which are disabled"},
}
