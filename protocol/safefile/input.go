package safefile

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ReadFile reads a small file that the user named: a regular file of at most limit
// bytes, or a pipe such as <(command) of a shell. It ends when ctx ends. From a FIFO
// that nobody has open for writing, ReadFile reads nothing. For a file longer than
// limit, it returns limit bytes and one more.
func ReadFile(ctx context.Context, path string, limit int) ([]byte, error) {
	f, err := openFile(unix.AT_FDCWD, path, path, unix.O_RDONLY, 0, pipe)
	if err != nil {
		return nil, err
	}
	in := endingWith(ctx, f)
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, int64(limit)+1))
}

// An input reads a file until a context ends.
type input struct {
	ctx  context.Context
	f    *os.File
	stop func() bool
}

// endingWith returns a reader of f that ends with ctx. Where the system cannot wait for
// a file, the reader notices the end of ctx when the file has something to read.
func endingWith(ctx context.Context, f *os.File) io.ReadCloser {
	return &input{ctx, f, context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })}
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.f.Read(p)
	if err != nil && err != io.EOF && in.ctx.Err() != nil {
		err = context.Cause(in.ctx)
	}
	return n, err
}

func (in *input) Close() error {
	in.stop()
	return in.f.Close()
}
