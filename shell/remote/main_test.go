package remote

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"smtpctl/protocol/fulltest"
)

// TestMain runs the tests or, with the name of this program, is smtpctl --stdio; see buildOwn.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == filepath.Base(ownPath) {
		if len(os.Args) != 4 || os.Args[1] != "--socket" || os.Args[3] != "--stdio" {
			os.Exit(2)
		}
		nc, err := net.Dial("unix", os.Args[2])
		if err != nil {
			os.Stderr.WriteString("smtpctl: " + err.Error() + "\n")
			os.Exit(1)
		}
		go func() {
			io.Copy(nc, os.Stdin)
			nc.(*net.UnixConn).CloseWrite()
		}()
		io.Copy(os.Stdout, nc)
		return
	}
	fulltest.Main(m, 8)
}
