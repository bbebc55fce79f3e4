// Package state finds the folders of files that are kept between sessions.
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

// Dir returns the folder for files that are kept between sessions, such as the history:
// smtpctl in $XDG_STATE_HOME, by default in ~/.local/state. env returns the value of a
// variable. Dir returns "" if there is no usable home. The folder may not exist: see Make.
//
// Dir never uses a folder of another user. sudo(8) may keep HOME, and root would then create
// files in the home of that user and follow links which that user has put there. In that case
// Dir takes the home from passwd(5).
func Dir(env func(string) string) string {
	return inHome(env, "XDG_STATE_HOME", filepath.Join(".local", "state"))
}

// ConfigDir returns the folder of the settings: smtpctl in $XDG_CONFIG_HOME, by default in
// ~/.config. It follows the same rules as Dir.
func ConfigDir(env func(string) string) string { return inHome(env, "XDG_CONFIG_HOME", ".config") }

// inHome returns the folder smtpctl in the folder that a variable names, by default in a
// folder of the home.
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

// ours reports whether dir is an absolute path of a folder that belongs to the effective user.
// For a folder that does not exist, its nearest parent that exists decides.
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

// passwdHome returns the home of the effective user according to passwd(5), or "" if there is
// none.
func passwdHome() string {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return ""
	}
	return u.HomeDir
}

// Make opens a folder returned by Dir or ConfigDir, or a folder in it. It creates the folder
// with mode 0700 if it does not exist. The caller closes the file.
func Make(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return safefile.OpenDir(dir)
}
