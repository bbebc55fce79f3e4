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

	"smtpctl/protocol/spool"
	"smtpctl/shell/command"
	"smtpctl/shell/confine/sandbox"
	"smtpctl/shell/disk"
	"smtpctl/shell/maillog"
)

// LockDown drops privileges before any input is read. encrypt and spf walk lose the
// rights of root and all file access; other one-shot commands keep only smtpd's files
// and those named by the user. The prompt, scripts and demos, which open files and
// start programs later, are not confined.
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
		c.Warnf("smtpctl: continuing without %s: %v", sandbox.Name(), err)
	}
	return nil
}

// needs returns the files and networks that a call may still need. ports are the ports
// of the name servers that the call will use.
func needs(c *command.Call, ports []uint16) (sandbox.Rules, error) {
	var r sandbox.Rules
	if c.Cmd.Needs == command.NeedsNothing {
		r.DNS = ports
		return r, nil
	}
	if c.Elsewhere() && c.Cmd.Reach != command.Anywhere {
		return needsFar(c)
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
	if err := saves(c, c.Opts.Spool, &r); err != nil {
		return r, err
	}
	if c.Cmd.Files == command.PutsFiles {
		r.Write = append(r.Write, c.Text(0))
	}
	// undo puts back what a command that acts has removed. The folder is the whole spool, since
	// an smtpd that starts replaces its folder incoming by a new one.
	if undoes := c.Cmd.Acts && !c.Opts.ReadOnly && !c.Opts.Restricted; undoes || c.Cmd.Files != command.ReadsFiles {
		r.Move = []string{c.Opts.Spool}
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

// saves adds the folder of --save, which belongs to this machine, as does spoolDir.
func saves(c *command.Call, spoolDir string, r *sandbox.Rules) error {
	if c.Opts.Save == "" || c.Opts.DryRun {
		return nil
	}
	// The folder must exist to be named in the rules, and its parents cannot be synced
	// later.
	if err := disk.MakeSaveDir(c.Opts.Save, spoolDir); err != nil {
		return fmt.Errorf("--save: %w; nothing done", command.FileError(err))
	}
	r.Write = append(r.Write, c.Opts.Save)
	return nil
}

// LockDownTo confines the process to a socket that is open, or not opened yet.
func LockDownTo(socket string) error {
	_, _ = time.Now().Zone()
	return sandbox.Confine(sandbox.Rules{Unix: []string{socket}})
}

// needsFar is needs for a call whose smtpd is on another machine. The ssh that leads there
// runs already; others use its connection.
func needsFar(c *command.Call) (sandbox.Rules, error) {
	r := sandbox.Rules{Unix: []string{"/dev/log"}, Programs: []string{"ssh"}, Write: []string{c.SealFar()}}
	if c.Cmd.Changes() && c.StateDir != "" && !c.Opts.DryRun && os.MkdirAll(c.StateDir, 0o700) == nil {
		r.Write = append(r.Write, c.StateDir) // for the journal
	}
	if c.Cmd.State && c.StateDir != "" {
		r.Read = append(r.Read, c.StateDir)
	}
	if err := saves(c, spool.DefaultDir, &r); err != nil {
		return r, err
	}
	if c.Cmd.Files == command.PutsFiles { // of copies here, which have a journal
		r.Write = append(r.Write, c.Text(0))
	}
	if c.Opts.KeyFile != "" {
		r.Read = append(r.Read, c.Opts.KeyFile)
	}
	if c.Cmd.Needs == command.NeedsNames {
		r.Names, r.DNS = true, []uint16{53}
	}
	if strings.Contains(","+c.Opts.Host+",", ",local,") {
		r.Read = append(r.Read, disk.ConfFiles(disk.ConfPath())...)
		if c.Cmd.Logs {
			r.Read = append(r.Read, maillog.Dir)
		}
		r.Unix = append(r.Unix, c.Opts.Socket)
		r.Read = append(r.Read, c.Opts.Spool, filepath.Dir(c.Opts.Socket)) // one of which is locked
		if c.Cmd.Files != command.ReadsFiles {
			r.Move = []string{c.Opts.Spool}
		}
	}
	return r, nil
}

// RunUnprivileged carries out a call of root's session in a child process that is not
// root and cannot read files; see LockDown.
func RunUnprivileged(ctx context.Context, c *command.Call, self string, words []string, input *bytes.Reader) error {
	cmd := exec.Command(self, words...)
	cmd.Args[0] = "smtpctl" // and not mailq
	cmd.Stdin = c.In
	if input != nil {
		cmd.Stdin = input
	}
	c.Out.Flush()
	cmd.Stdout, cmd.Stderr = c.Out, command.ErrFile(c.Err)
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

// NeedsChild reports whether RunUnprivileged must carry out a call: at a prompt or in a
// script of root. A password of several lines could not be passed on.
func NeedsChild(c *command.Call) bool {
	return c.Cmd.Needs == command.NeedsNothing && c.Mode.Lines() && syscall.Geteuid() == 0 &&
		!(c.Cmd.Words == command.Secret && len(c.Args) > 0 && strings.ContainsAny(c.Text(0), "\n\r"))
}

// OwnPath returns the path of this program, or "".
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
