package command

import (
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
)

// Options are what the user can set with flags. They may stand before or after
// the words of a command, on the command line, at the prompt and in scripts;
// in the latter two they count for that line.
type Options struct {
	Socket   string        // path of smtpd's control socket
	Spool    string        // smtpd's spool folder, the one that holds queue
	KeyFile  string        // file that holds the key of an encrypted queue
	Timeout  time.Duration // how long smtpd may take to answer
	Window   int           // requests in flight, 1 to 1024; 0 adapts it to smtpd
	Color    string        // auto, always or never
	ReadOnly bool          // refuse every command that changes something

	Output string // one of Formats
	DryRun bool   // show what would be done
	Expect int    // do it only to so many envelopes; any number if below 0
	Yes    bool   // do not ask at the prompt
	Save   string // folder to write aside what is removed
	// Keep is for how long the copies are kept of what is removed at the prompt, 0 for
	// none; KeepSize how many bytes all of them may take.
	Keep     time.Duration
	KeepSize int64
	Log      string // file with smtpd's log, "" for that of the system
	From     string // folder of copies to list instead of the queue

	// Restricted switches off pipes, files and the pager.
	Restricted bool

	// Of encrypt.
	Scheme string // way to hash; "" for that of OpenSMTPD's smtpctl
	Cost   int    // of the hash, 0 for what is usual
	Verify string // hash to compare passwords with

	// Of spf walk.
	Only4, Only6    bool   // only IPv4, only IPv6
	Sort, Aggregate bool   // networks in order; merged as far as they can be
	Resolver        string // address of the name server to ask

	// Of monitor.
	Interval time.Duration // between lines
	Count    int           // of lines, 0 for no end

	Help, Version bool

	own map[string]string // values of flags that have no field here
}

// DefaultOptions returns what holds without any flag.
func DefaultOptions() Options {
	return Options{
		Socket:  protocol.DefaultSocket,
		Spool:   spool.DefaultDir,
		Timeout: protocol.DefaultTimeout,
		Color:   "auto",
		Output:  formatAuto,
		Expect:  -1,

		Keep:     7 * 24 * time.Hour,
		KeepSize: 1 << 30,

		Interval: time.Second,
	}
}

// Formats are the values of --output.
var Formats = []string{formatAuto, FormatPlain, FormatTable, FormatExpanded, FormatJSON, FormatCSV, FormatTSV, FormatMetrics}

// ColorModes are the values of --color.
var ColorModes = []string{"auto", "always", "never"}

// Formats of results.
const (
	formatAuto     = "auto"
	FormatPlain    = "plain"    // smtpctl's bytes
	FormatTable    = "table"    // for people
	FormatExpanded = "expanded" // the same, but a field a line
	FormatJSON     = "json"     // one object a line
	FormatCSV      = "csv"      // for spreadsheets
	FormatTSV      = "tsv"      // the same with tabs, and nothing changed
	FormatMetrics  = "openmetrics"
)

// Separated are the formats of commands that list things.
var Separated = []string{FormatCSV, FormatTSV}

// rare are the formats that not every command has.
var rare = append([]string{FormatMetrics}, Separated...)

// Lacks reports whether a command does not have a format.
func (c *Command) Lacks(format string) bool {
	return slices.Contains(rare, format) && !slices.Contains(c.Formats, format)
}
