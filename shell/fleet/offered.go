package fleet

import (
	"maps"
	"slices"
	"strings"

	"smtpctl/completer"
	"smtpctl/shell/config"
	"smtpctl/shell/hostname"
)

// Offered returns what finds the machines that completion offers: those of the session
// that are connected, the groups of the settings, and the hosts that the configuration of
// ssh names. Files are read once, when it is first called.
func (f *Fleet) Offered() func() []completer.Suggestion {
	var files []completer.Suggestion
	read := false
	return func() []completer.Suggestion {
		if !read {
			read = true
			settings := f.farSettings()
			for _, g := range settings.Groups {
				files = append(files, completer.Suggestion{Text: "@" + g.Name, Description: strings.Join(strings.Fields(g.Text), ",")})
			}
			if settings.Inventory != "" {
				files = append(files, completer.Suggestion{Text: "@all", Description: "hosts in " + settings.Inventory})
			}
			for _, name := range config.SSHHosts(f.Env) {
				if _, err := hostname.Parse(name); err == nil {
					files = append(files, completer.Suggestion{Text: name, Description: "from the configuration of ssh"})
				}
			}
		}
		var out []completer.Suggestion
		for _, name := range slices.Sorted(maps.Keys(f.simulated)) {
			out = append(out, completer.Suggestion{Text: name, Description: "simulated"})
		}
		for _, name := range f.ssh.Names() {
			out = append(out, completer.Suggestion{Text: name, Description: "reached in this session"})
		}
		for _, s := range files {
			if !slices.ContainsFunc(out, func(o completer.Suggestion) bool { return o.Text == s.Text }) {
				out = append(out, s)
			}
		}
		return append(out, completer.Suggestion{Text: localHost, Description: "this machine"})
	}
}
