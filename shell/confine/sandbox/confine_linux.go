package sandbox

import (
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// Confine keeps this process, for good, from opening files and connecting by TCP
// other than the rules say, as far as the kernel's Landlock can. Where the kernel
// has none it does nothing. Sockets in the file system, files that are open and
// UDP are out of its reach.
func Confine(r Rules) error {
	if Off {
		return nil
	}
	read := append([]string(nil), r.Read...)
	if r.Names {
		read = append(read, "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf")
	}
	var rules []landlock.Rule
	for _, path := range read {
		// Pipes, such as <(command) of a shell, take no rules and need none.
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
