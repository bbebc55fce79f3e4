package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/remote/sshdtest"
)

// TestPutInterrupted ends the context before Move, and hangs what moves: the first keeps it from
// beginning, and of the second nothing is sure.
func TestPutInterrupted(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	os.WriteFile(filepath.Join(bin, "mv"), []byte("#!/bin/sh\nsleep 30\n"), 0o755)
	_, f := reach(t, sshdtest.SetEnv("PATH="+bin+":/usr/bin:/bin"))
	h := connect(t, f, 20*time.Second).h
	for _, begun := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		dir := newSpool(t)
		p, err := h.Files(ctx, "/run/none.sock", time.Second).Putter(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Write([]safefile.NewFolder{folderOf("0a000001", "a", "b")}, func(int, string) {}); err != nil {
			t.Fatal(err)
		}
		if !begun {
			cancel()
		}
		moved, sure, err := p.Move([]string{"0a000001"})
		if moved != 0 || sure == begun || begun != strings.Contains(fmt.Sprint(err), "no answer within 1s while files were written there") || !begun != errors.Is(err, context.Canceled) {
			t.Errorf("begun %v: %d, %v, %v", begun, moved, sure, err)
		}
		if err := p.Drop([]string{"0a000001"}); (err == nil) == begun {
			t.Errorf("begun %v: drop: %v", begun, err)
		}
		p.Close()
		cancel()
	}
}
