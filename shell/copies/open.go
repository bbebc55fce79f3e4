package copies

import (
	"context"
	"os"
	"path/filepath"

	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/disk"
)

// Open returns the mail in a folder: one that --save has written, or a copy of smtpd's
// spool folder, which contains a folder queue. Open reads nothing else.
func Open(ctx context.Context, c *command.Call, dir string) *spool.Spool {
	key := disk.QueueKey(ctx, c)
	if info, err := os.Stat(filepath.Join(dir, "queue")); err == nil && info.IsDir() {
		return spool.OpenWithKey(dir, key)
	}
	return spool.OpenCopies(dir, key)
}
