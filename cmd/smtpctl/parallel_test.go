package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// countingProxy is a ProxyCommand that leads nowhere. It waits until as many are there as may be,
// and writes down how many it has seen.
const countingProxy = `: >in.$$; i=0
while [ $i -lt 400 ] && [ ! -e full ]; do i=$((i+1)); set -- in.*; echo $# >>seen; [ $# -ge %d ] && : >full; sleep 0.05; done
sleep 0.1; set -- in.*; echo $# >>seen
rm in.$$; exit 1
`

// TestParallelSSH counts how many ssh connect at the same time: before a command on the
// command line, and for a line of a script.
func TestParallelSSH(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n      int
		script bool
	}{{1, false}, {2, true}, {16, false}, {16, true}} {
		t.Run(fmt.Sprint(tt.n, tt.script), func(t *testing.T) {
			t.Parallel()
			b := newFarBed(t, "")
			dir := filepath.Join(b.Dir, "counted")
			os.Mkdir(dir, 0o700)
			os.WriteFile(filepath.Join(dir, "run"), fmt.Appendf(nil, countingProxy, tt.n), 0o600)
			b.Config(fmt.Sprintf("Host h*\nProxyCommand sh -c 'cd %s && exec sh run'\n", dir))
			var hosts []string
			for i := range max(3, tt.n+2) {
				hosts = append(hosts, fmt.Sprint("h", i))
			}
			args, stdin := []string{"--timeout", "1m", "--host", strings.Join(hosts, ","), "--parallel", fmt.Sprint(tt.n)}, ""
			if tt.script {
				args, stdin = append(args, "-f", "-"), "show status\n"
			} else {
				args = append(args, "show", "status")
			}
			r := b.run(stdin, args...)
			seen, _ := os.ReadFile(filepath.Join(dir, "seen"))
			most := 0
			for _, word := range strings.Fields(string(seen)) {
				n, _ := strconv.Atoi(word)
				most = max(most, n)
			}
			if most != tt.n || r.status != 3 || strings.Count(r.stderr, "smtpctl: h") != len(hosts) {
				t.Errorf("%d at the same time: %v", most, r)
			}
		})
	}
}
