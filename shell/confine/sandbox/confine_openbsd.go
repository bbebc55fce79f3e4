package sandbox

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Confine permanently keeps this process from files that the rules do not name, by
// unveil(2), and from other system calls, by pledge(2).
func Confine(r Rules) error {
	if Off {
		return nil
	}
	promises := "stdio tty"
	unveil := func(paths []string, flags string) error {
		for _, path := range paths {
			if err := unix.Unveil(path, flags); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	for _, u := range []struct {
		paths    []string
		flags    string
		promises string
	}{
		{r.Read, "r", " rpath flock"}, {r.Write, "rwc", " rpath wpath cpath fattr flock"},
		{r.Move, "rwc", " rpath wpath cpath fattr chown"}, {r.Unix, "rw", " rpath unix"},
	} {
		if len(u.paths) > 0 {
			promises += u.promises
		}
		if err := unveil(u.paths, u.flags); err != nil {
			return err
		}
	}
	if len(r.Programs) > 0 {
		promises += " rpath proc exec unix sendfd"
		if err := unveil(append(append(programFolders(r.Programs), systemFolders...), systemFiles...), "rx"); err != nil {
			return err
		}
		if err := unveil([]string{"/dev/null"}, "rw"); err != nil {
			return err
		}
	}
	if r.Names {
		promises += " rpath dns"
		if err := unveil([]string{"/etc/resolv.conf", "/etc/hosts"}, "r"); err != nil {
			return err
		}
	}
	if len(r.DNS) > 0 {
		promises += " inet"
	}
	if err := unix.UnveilBlock(); err != nil {
		return err
	}
	return unix.PledgePromises(promises)
}
