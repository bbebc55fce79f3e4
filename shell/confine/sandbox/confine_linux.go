package sandbox

import (
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// Confine permanently keeps this process from opening files and from TCP connections
// that the rules do not allow, as far as the kernel's Landlock supports. Without
// Landlock it does nothing. Landlock does not restrict sockets in the file system, open
// files or UDP.
func Confine(r Rules) error {
	if Off {
		return nil
	}
	read := append([]string(nil), r.Read...)
	if r.Names {
		read = append(read, "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")
	}
	var rules []landlock.Rule
	if len(r.Programs) > 0 {
		read = append(append(append(read, systemFolders...), systemFiles...), programFolders(r.Programs)...)
		rules = append(rules, landlock.RWFiles("/dev/null"))
	}
	for _, path := range read {
		// Pipes, such as <(command) of a shell, accept no rules and need none.
		switch info, err := os.Stat(path); {
		case err != nil:
		case info.IsDir():
			rules = append(rules, landlock.RODirs(path).IgnoreIfMissing())
		case info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 || !strings.HasPrefix(path, "/dev/fd/"):
			rules = append(rules, landlock.ROFiles(path).IgnoreIfMissing())
		}
	}
	rules = append(rules, landlock.RWDirs(r.Write...).IgnoreIfMissing(), landlock.RWDirs(r.Move...).WithRefer().IgnoreIfMissing())
	for _, port := range r.DNS {
		rules = append(rules, landlock.ConnectTCP(port))
	}
	return landlock.V7.BestEffort().Restrict(rules...)
}
