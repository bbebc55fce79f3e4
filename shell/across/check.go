package across

import (
	"cmp"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/queue"
	"smtpctl/shell/remote"
)

// Check refuses a call for other machines that changes files of those machines, or that
// would take files of this machine for theirs.
func Check(f *fleet.Fleet, c *command.Call) error {
	if !c.Elsewhere() {
		return nil
	}
	switch {
	case c.Cmd.Reach == command.Anywhere:
	case c.Cmd.Reach == command.NeedsFiles:
		why := cmp.Or(c.Cmd.Local, "works only on the machine of smtpd itself")
		each := ""
		if c.Hosts() != nil {
			each = "each of "
		}
		return command.Usagef("%s: %s: run smtpctl on %s%s", command.PathOf(c), why, each, strings.ReplaceAll(c.Opts.Host, ",", ", "))
	case c.Opts.Log != "" && c.Opts.Log != "-" && remote.Path(c.Opts.Log) != nil:
		return command.Usagef("%s: --log %q: %w", command.PathOf(c), c.Opts.Log, remote.Path(c.Opts.Log))
	case c.Opts.From != "":
		return command.Usagef("%s: --from lists copies on this machine, and not mail of %s: give it without --host, or after on local", command.PathOf(c), strings.ReplaceAll(c.Opts.Host, ",", ", "))
	case f.Simulated() && (c.Cmd.Reach == command.LooksAtFiles || c.Cmd.Offers == command.OffersUnlisted || c.Opts.Save != "" || queue.ReadsMail(c)):
		text := "%s: %s is simulated, and its files cannot be read: only those of the plain demo, local, can"
		if c.Hosts() != nil {
			text = "%s: %s are simulated, and their files cannot be read: only those of the plain demo, local, can"
		}
		return command.Usagef(text, command.PathOf(c), strings.ReplaceAll(c.Opts.Host, ",", ", "))
	}
	return checkAcross(c)
}
