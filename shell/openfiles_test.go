package shell

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/safefile/safefiletest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
	"smtpctl/shell/tools"
)

// TestOpenKinds opens every kind of file where a file of the system is looked for,
// and none of them holds the program up. Files of the queue, the history and others
// that a command line can reach are opened by a test of the whole program.
func TestOpenKinds(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	for _, tt := range []struct {
		name string
		text string
		open func(t *testing.T, path string) bool // reports whether the file was read
	}{
		{"smtpd.conf", "queue encryption " + key + "\n", func(_ *testing.T, path string) bool { return confKeyOnly(path) == key }},
		{"included file", "queue encryption " + key + "\n", func(t *testing.T, path string) bool {
			main := filepath.Join(t.TempDir(), "smtpd.conf")
			if err := os.WriteFile(main, []byte("include \""+path+"\"\n"), 0o600); err != nil {
				t.Error(err)
			}
			return confKeyOnly(main) == key
		}},
		{"helper for encrypt", "\x00crypt_gensalt\x00", func(_ *testing.T, path string) bool {
			return tools.SystemScheme([]string{path}) == "yescrypt" || runtime.GOOS == "openbsd"
		}},
		{"lock", "", func(t *testing.T, path string) bool {
			// Whatever stands in the place of the spool folder: the command goes on.
			sim, socket := simtest.Start(t, smtpdsim.Config{})
			sim.Add(smtpdsim.Envelope{ID: 7<<32 | 1})
			opts := command.DefaultOptions()
			opts.Socket, opts.Spool = socket, path
			var out, errs bytes.Buffer
			s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }})
			defer s.Close()
			if err := s.Eval(context.Background(), "remove 0000000700000001"); err != nil || out.String() != "1 envelope removed\n" {
				t.Errorf("%v, %s%s", err, out.String(), errs.String())
			}
			return true
		}},
	} {
		for _, k := range safefiletest.Kinds(tt.text) {
			t.Run(tt.name+"/"+k.Name, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "it")
				k.Make(t, path)
				done := make(chan bool, 1)
				go func() { done <- tt.open(t, path) }()
				select {
				case read := <-done:
					if want := k.Followed == "" || tt.name == "lock"; read != want && runtime.GOOS != "openbsd" {
						t.Errorf("read: %v, want %v", read, want)
					}
				case <-time.After(time.Minute):
					t.Fatal("it blocks")
				}
			})
		}
	}
}

// confKeyOnly is confKey without its error.
func confKeyOnly(path string) string {
	key, _ := disk.ConfKey(path)
	return key
}
