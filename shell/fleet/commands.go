package fleet

import (
	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
)

// Commands choose and list the machines.
var Commands = []*command.Command{
	{Pattern: "connect <host>", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Needs: command.NeedsAnything, Check: checkConnect, Run: runConnect,
		Summary: "make the commands that follow go to the smtpd of another machine, by ssh",
		Help:    connectHelp},
	{Pattern: "disconnect", Reach: command.Anywhere, Group: command.GroupSession, Origin: command.Own, Run: runDisconnect,
		Summary: "make the commands that follow go to the smtpd of this machine again"},
	{Pattern: "show servers", Reach: command.Anywhere, Rows: []any{ServerJSON{}}, Group: command.GroupSession, Origin: command.Own, Needs: command.NeedsAnything, Run: runServers,
		Summary: "list the machines of the session and those that it has used, with their states",
		Help:    serversHelp},
	{Pattern: "show servers <hosts>", Reach: command.Anywhere, Rows: []any{ServerJSON{}}, Group: command.GroupSession, Origin: command.Own, Needs: command.NeedsAnything, Check: checkConnect, Run: runServers,
		Summary: "connect to these machines, and list their states",
		Help:    serversHelp},
}

// Kinds are the kinds of arguments that Commands take.
var Kinds = []*grammar.Kind{
	{Name: "host", Doc: "a host as ssh takes it, such as mx1 or admin@mx2.example.com; local for this machine", Parse: command.ParseNonEmpty("a host")},
	{Name: "hosts", Doc: "hosts as --host takes them, split by commas: mx1,@front,local", Parse: command.ParseNonEmpty("hosts")},
}

// connectHelp is the help text of connect.
const connectHelp = "The ssh of the user is started in batch mode, but it may ask at the terminal for a passphrase or about the key\n" +
	"of the machine. Nothing is installed there. Where ssh does not log in root, sudo or doas has to let the user\n" +
	"run nc, socat or this program without a password, and sh for what reads files there: mail, the log, smtpd.conf.\n" +
	"requeue, bounce and notify hand mail over at 127.0.0.1:25 there, or at [::1]:25, as ssh or nc reaches it.\n" +
	"What works only on the machine itself, such as --from, is refused and says why.\n" +
	"connect mx1,mx2 and connect @front are for several machines: each command that follows runs on all of them. They are\n" +
	"tried at the same time; then ssh asks for those alone for which it must. If one cannot be reached, nothing changes."

// serversHelp is the help text of show servers.
const serversHelp = "A * is before the machines to which the commands of the session go. show servers connects to nothing, but on the\n" +
	"command line to the machines of --host; show servers mx1,@front connects to those, without questions, and commands\n" +
	"go where they went before. SMTPD is the version that is installed: that of a smtpd that has not been started again since\n" +
	"may be another, which it does not tell. TRIP is how long the last short question took; FILES says who reads mail, the\n" +
	"log and smtpd.conf there."

// A Session is what the commands use of the session.
type Session interface {
	Fleet() *Fleet
	// Options returns the options of the session, which the commands may change.
	Options() *command.Options
}

// of returns the machines and the options of the session of a call.
func of(c *command.Call) (*Fleet, *command.Options) {
	s := c.Host.(Session)
	return s.Fleet(), s.Options()
}
