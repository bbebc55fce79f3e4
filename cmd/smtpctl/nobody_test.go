package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// asNobody returns a command that runs as an ordinary user.
func asNobody(name string, args ...string) *exec.Cmd {
	os.Chmod(filepath.Dir(name), 0o755)
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}
