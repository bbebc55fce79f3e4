package confine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/confine/sandbox"
	"smtpctl/shell/disk"
	"smtpctl/shell/maillog"
)

// LockDown takes from the process what a one-shot command does not need, before
// it touches any input: encrypt and spf walk the rights of root and all files,
// others all files but smtpd's and those that the user named. The prompt, scripts
// and demos, which open files and start programs later, stay as they are.
func LockDown(c *command.Call) error {
	_, _ = time.Now().Zone() // reads the time zone, while that can be read
	var ports []uint16
	if c.Cmd.Prepare != nil {
		var err error
		if ports, err = c.Cmd.Prepare(c); err != nil {
			return err
		}
	}
	if c.Cmd.Needs == command.NeedsNothing {
		if err := sandbox.GiveUpRoot(); err != nil {
			c.Warnf("smtpctl: warning: running as root, since privileges cannot be dropped: %v", err)
		}
	}
	rules, err := needs(c, ports)
	if err != nil {
		return err
	}
	if err := sandbox.Confine(rules); err != nil {
		c.Warnf("smtpctl: going on without %s: %v", sandbox.Name(), err)
	}
	return nil
}

// needs says what files and networks a call may still need. ports are those of the
// name servers that it has found out.
func needs(c *command.Call, ports []uint16) (sandbox.Rules, error) {
	var r sandbox.Rules
	if c.Cmd.Needs == command.NeedsNothing {
		r.DNS = ports
		return r, nil
	}
	r.Unix = []string{c.Opts.Socket, "/dev/log"}
	r.Read = append(disk.ConfFiles(disk.ConfPath()), c.Opts.Spool)
	if c.Opts.KeyFile != "" {
		r.Read = append(r.Read, c.Opts.KeyFile)
	}
	if c.Opts.From != "" {
		r.Read = append(r.Read, c.Opts.From)
	}
	if c.Cmd.State && c.StateDir != "" {
		r.Read = append(r.Read, c.StateDir)
	}
	if c.Cmd.Logs {
		r.Read = append(r.Read, maillog.Dir)
		if c.Opts.Log != "" && c.Opts.Log != "-" {
			r.Read = append(r.Read, c.Opts.Log)
		}
	}
	for _, a := range c.Args {
		if a.Kind.Path {
			r.Read = append(r.Read, a.Text)
		}
	}
	if c.Opts.Save != "" && !c.Opts.DryRun {
		// It has to be there to be named, and what is above it cannot be synced later.
		if err := disk.MakeSaveDir(c.Opts.Save, c.Opts.Spool); err != nil {
			return r, fmt.Errorf("--save: %w; nothing done", command.FileError(err))
		}
		r.Write = []string{c.Opts.Save}
	}
	if c.Cmd.Files == command.PutsFiles {
		r.Write = append(r.Write, c.Text(0))
	}
	if c.Cmd.Files != command.ReadsFiles {
		r.Move = []string{filepath.Join(c.Opts.Spool, "incoming"), filepath.Join(c.Opts.Spool, "queue")}
	}
	if c.Cmd.Acts && !c.Opts.ReadOnly && !c.Opts.Restricted {
		r.Move = []string{filepath.Join(c.Opts.Spool, "incoming"), filepath.Join(c.Opts.Spool, "queue")} // for undo
	}
	if c.Cmd.Needs == command.NeedsNames {
		r.Names, r.DNS = true, []uint16{53}
	}
	if c.Cmd.Changes() || c.Cmd.Acts && !c.Opts.ReadOnly && !c.Opts.Restricted {
		if c.StateDir != "" && !c.Opts.DryRun && os.MkdirAll(c.StateDir, 0o700) == nil {
			r.Write = append(r.Write, c.StateDir) // for the journal
		}
		if _, err := os.Stat(c.Opts.Spool); err != nil {
			r.Read = append(r.Read, filepath.Dir(c.Opts.Socket)) // is locked instead
		}
		if disk.LocksFile != "" {
			r.Read = append(r.Read, disk.LocksFile)
		}
	}
	return r, nil
}

// RunUnprivileged carries out a call of a session of root in a process of its own, which
// is not root and reads no files; see LockDown.
func RunUnprivileged(ctx context.Context, c *command.Call, self string, words []string, input *bytes.Reader) error {
	cmd := exec.Command(self, words...)
	cmd.Args[0] = "smtpctl" // and not mailq
	cmd.Stdin = c.In
	if input != nil {
		cmd.Stdin = input
	}
	c.Out.Flush()
	cmd.Stdout, cmd.Stderr = c.Out, c.Err
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", command.PathOf(c), err)
	}
	err := WaitChild(ctx, cmd)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit) && exit.ExitCode() > 0 && c.Mode.Interactive():
		return &command.ReportedError{Err: err} // by that process
	case errors.As(err, &exit) && exit.ExitCode() > 0: // a script is told where, too
		return fmt.Errorf("%s: failed, see above", c.Verb())
	}
	return fmt.Errorf("%s: %w", command.PathOf(c), err)
}

// NeedsChild reports whether a call is to be carried out by RunUnprivileged: at a prompt or
// in a script of root. A password of several lines could not be handed over.
func NeedsChild(c *command.Call) bool {
	return c.Cmd.Needs == command.NeedsNothing && c.Mode.Lines() && syscall.Geteuid() == 0 &&
		!(c.Cmd.Words == command.Secret && len(c.Args) > 0 && strings.ContainsAny(c.Text(0), "\n\r"))
}

// OwnPath returns the file of this program, or nothing.
func OwnPath() string {
	const running = "/proc/self/exe" // it is there even when an update has removed the file
	if _, err := os.Stat(running); err == nil {
		return running
	}
	path, err := os.Executable()
	if err != nil || !filepath.IsAbs(path) {
		return ""
	}
	return path
}
