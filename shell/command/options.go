package command

import (
	"slices"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/spool"
)

// Options are what the user can set with flags. Flags stand before or after the words
// of a command, on the command line, at the prompt and in scripts. At the prompt and in
// scripts they apply to their line only.
type Options struct {
	Host   string // the machine of smtpd, as ssh is asked for it; "" for this one
	Socket string // path of smtpd's control socket, on that machine
	Spool  string // smtpd's spool folder, the one that holds queue
	// SocketGiven and SpoolGiven say that flags have named Socket and Spool, and no default or setting.
	SocketGiven, SpoolGiven bool
	SMTP                    string        // where smtpd takes mail on another machine, "" for the usual addresses
	KeyFile                 string        // file that holds the key of an encrypted queue
	Timeout                 time.Duration // how long smtpd may take to answer
	Window                  int           // requests in flight, 1 to 1024; 0 adapts it to smtpd
	Color                   string        // auto, always or never
	ReadOnly                bool          // refuse every command that changes something
	// Parallel is how many machines work at the same time, 1 to MaxHosts; 0 if nobody has said.
	Parallel int

	Output string // one of Formats
	DryRun bool   // show what would be done
	Expect int    // do it only to so many envelopes; any number if below 0
	Yes    bool   // do not ask at the prompt
	Save   string // folder to write aside what is removed
	// Keep is how long copies of mail removed at the prompt are kept, or 0 for no
	// copies. KeepSize is how many bytes all copies may take.
	Keep     time.Duration
	KeepSize int64
	Log      string // file with smtpd's log, "" for that of the system
	From     string // folder of copies to list instead of the queue

	// Columns are the names of those columns of a list that are wanted, split by commas;
	// nothing for what is usual.
	Columns string

	// Restricted switches off pipes, files and the pager.
	Restricted bool

	// For encrypt.
	Scheme string // way to hash; "" for that of OpenSMTPD's smtpctl
	Cost   int    // of the hash, 0 for what is usual
	Verify string // hash to compare passwords with

	// For spf walk.
	Only4, Only6    bool   // only IPv4, only IPv6
	Sort, Aggregate bool   // networks in order; merged as far as they can be
	Resolver        string // address of the name server to ask

	// For monitor.
	Interval time.Duration // between lines
	Count    int           // of lines, 0 for no end

	Help, Version bool

	own map[string]string // values of flags that have no field here
}

// MaxHosts is how many machines a command may be for.
const MaxHosts = 1000

// UsualParallel is how many machines work at the same time if neither --parallel nor the
// settings say.
const UsualParallel = 16

// DefaultOptions returns the options without any flag.
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

// Smtpd tells the smtpd that options name from others: its socket, after the name of its
// machine and a colon if that is another one.
func (o *Options) Smtpd() string {
	if o.Host == "" {
		return o.Socket
	}
	return o.Host + ":" + o.Socket
}

// Formats are the values of --output, in the order in which help lists them.
var Formats = []string{FormatPlain, FormatTable, FormatExpanded, FormatJSON, FormatCSV, FormatTSV, FormatMetrics, formatAuto}

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

// Separated are the formats of commands that list things: those that have Rows, or make
// rows of their own.
var Separated = []string{FormatCSV, FormatTSV}

// rare are the formats that only some commands have.
var rare = []string{FormatMetrics, FormatCSV, FormatTSV}

// Lacks reports whether a command does not support a format.
func (c *Command) Lacks(format string) bool {
	if len(c.Rows) > 0 && slices.Contains(Separated, format) {
		return false
	}
	return slices.Contains(rare, format) && !slices.Contains(c.Formats, format)
}
