package shell

import (
	"fmt"
	"runtime/debug"
)

// Version is the version of this program: that of the newest entry in
// CHANGELOG.md, from which "just docs" writes this line.
const Version = "0.2.0"

// Commit and Date say which commit a release was built from and when that commit
// was made, as YYYY-MM-DD. A release sets them when it is linked.
var (
	Commit = ""
	Date   = ""
)

// versionLine returns the name, the version and the commit of this program. A
// build from a checkout knows its commit from the Go toolchain; a build from an
// unpacked source archive has none.
func versionLine() string {
	commit, date := Commit, Date
	modified := ""
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value[:min(len(s.Value), 12)]
			case "vcs.time":
				date = s.Value[:min(len(s.Value), len("2006-01-02"))]
			case "vcs.modified":
				if s.Value == "true" {
					modified = ", modified"
				}
			}
		}
	}
	if commit == "" {
		return fmt.Sprintf("smtpctl %s (development)", Version)
	}
	return fmt.Sprintf("smtpctl %s (commit %s of %s%s)", Version, commit, date, modified)
}
