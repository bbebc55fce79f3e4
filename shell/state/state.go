// Package state knows the folder in which the program keeps what outlasts a session.
package state

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"smtpctl/protocol/safefile"
)

// Dir returns the folder: smtpctl in $XDG_STATE_HOME, by default in ~/.local/state;
// nothing if there is no home to keep it in. It need not be there yet: see Make.
//
// A folder of somebody else's is not used: sudo(8) may keep HOME, and root would
// make its files in the home of the user, and follow what that user has put there.
// Then it is the home that the effective user has in passwd(5).
func Dir(env func(string) string) string {
	return inHome(env, "XDG_STATE_HOME", filepath.Join(".local", "state"))
}

// ConfigDir returns the folder of the settings: smtpctl in $XDG_CONFIG_HOME, by default
// in ~/.config. It is chosen as Dir is.
func ConfigDir(env func(string) string) string { return inHome(env, "XDG_CONFIG_HOME", ".config") }

// inHome returns the folder of the program in the one that a variable names, by default
// in a folder of the home.
func inHome(env func(string) string, variable, byDefault string) string {
	dir := env(variable)
	if !ours(dir) {
		home := env("HOME")
		if !ours(home) {
			home = passwdHome()
		}
		if !ours(home) {
			return ""
		}
		dir = filepath.Join(home, byDefault)
	}
	return filepath.Join(dir, "smtpctl")
}

// ours reports whether a folder belongs to the effective user or, if it is not
// there, whether the one in which it would be made does.
func ours(dir string) bool {
	if !filepath.IsAbs(dir) {
		return false
	}
	for {
		info, err := os.Stat(dir)
		if err == nil {
			st, ok := info.Sys().(*syscall.Stat_t)
			return ok && int(st.Uid) == os.Geteuid()
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			return false
		}
		dir = parent
	}
}

// passwdHome returns the home of the effective user by passwd(5), or nothing.
func passwdHome() string {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return ""
	}
	return u.HomeDir
}

// Make makes the folder, or one in it, if it is not there, for the user alone, and
// opens it.
func Make(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return safefile.OpenDir(dir)
}
