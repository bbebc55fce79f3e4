package remote

import (
	"bufio"
	"encoding/binary"
	"io"
	"strconv"
	"strings"

	"smtpctl/protocol"
)

// Facts are what a machine has reported about itself.
type Facts struct {
	UID     int    // the numeric id of the user whom ssh has logged in
	OS      string // the system, as uname -s prints it
	Node    string // the name that the machine has for itself, as uname -n prints it
	Machine string // the hardware, as uname -m prints it
	Bits    int    // the size of a C long in bits, 0 if not known
	Big     bool   // the machine is big-endian
	Little  bool   // the machine has said that it is little-endian
	Zone    *int   // how many seconds its clock is ahead of UTC now, nil if not known
	Smtpd   string // the version of smtpd, such as 7.6.0p1; "" if not known
	Tools   map[string]bool
}

const (
	factsEnd = "smtpctl: the other side is ready" // the line behind the facts
	maxFacts = maxStart + 4096                    // how many bytes are read at most
)

// factsScript prints begins and the facts with commands that POSIX has, and few of them, since each
// connection waits for their starts: uname is asked once, and has this order whatever that of its
// options. Then it waits for the end of its standard input, which comes at the latest when this
// process ends.
const factsScript = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin; export PATH
` + saysBegins + `
echo uid=` + "`id -u`" + `
u=` + "`uname -s -n -m`" + `
echo "os=${u%% *}"
echo "machine=${u##* }"
u=${u#* }
echo "node=${u% *}"
echo bits=` + "`getconf LONG_BIT 2>/dev/null`" + `
echo order=` + "`printf '\\001\\002' | od -An -tx2 2>/dev/null`" + `
echo zone=` + "`date +%z 2>/dev/null`" + `
v=` + "`smtpd -h 2>&1 </dev/null`" + `
case $v in
*'version: OpenSMTPD '*) set -f; set -- ${v#*version: OpenSMTPD }; echo "smtpd=$1";;
esac
for t in sudo doas nc socat smtpctl flock logger; do
if command -v $t >/dev/null 2>&1; then echo tool=$t; fi
done
echo '` + factsEnd + `'
exec cat >/dev/null
`

// readFacts reads what factsScript prints, up to its last line. Once it knows the user, the
// system and the byte order, which are printed first, it calls early, which may be nil.
func readFacts(r io.Reader, early func(Facts)) (Facts, error) {
	f := Facts{UID: -1, Tools: map[string]bool{}}
	br := bufio.NewReaderSize(io.LimitReader(r, maxFacts), 4096)
	begun := false
	for {
		line, err := br.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch {
		case err != nil && err != io.EOF:
			return f, err
		case line == begins:
			begun = true
		case line == factsEnd && begun:
			if f.UID < 0 || f.OS == "" {
				return f, errNotBegun
			}
			return f, nil
		case err == io.EOF:
			return f, io.ErrUnexpectedEOF
		case !begun:
		case key == "uid":
			if n, err := strconv.Atoi(value); err == nil {
				f.UID = n
			}
		case key == "os":
			f.OS = value
		case key == "node":
			f.Node = value
		case key == "machine":
			f.Machine = value
		case key == "bits":
			f.Bits, _ = strconv.Atoi(value)
		case key == "zone":
			f.Zone = parseZone(value)
		case key == "order":
			f.Big, f.Little = value == "0102", value == "0201"
			if early != nil {
				early(f)
				early = nil
			}
		case key == "smtpd":
			f.Smtpd = value
		case key == "tool":
			f.Tools[value] = true
		}
	}
}

// parseZone reads what date +%z says, such as -0330.
func parseZone(text string) *int {
	n, err := strconv.Atoi(text)
	if err != nil || len(text) != 5 {
		return nil
	}
	seconds := (n/100*60 + n%100) * 60
	return &seconds
}

// systems maps the names of uname -s to those of GOOS.
func systems() map[string]string {
	return map[string]string{
		"Linux": "linux", "OpenBSD": "openbsd", "FreeBSD": "freebsd", "DragonFly": "freebsd", "NetBSD": "netbsd", "Darwin": "darwin",
	}
}

// machines32 maps the names of uname -m to GOARCH for programs with 32-bit words, which 64-bit
// machines can run, too.
func machines32() map[string]string {
	return map[string]string{
		"i386": "386", "i486": "386", "i586": "386", "i686": "386", "x86_64": "386", "amd64": "386",
		"armv6l": "arm", "armv7l": "arm", "armv8l": "arm", "aarch64": "arm", "arm": "arm",
		"mips": "mips", "mips64": "mips", "mipsel": "mipsle", "ppc": "mips", "powerpc": "mips", "macppc": "mips",
	}
}

// Layouts returns the layouts that the structures of smtpd may have on that machine, the
// likeliest first. The sizes of the answers of smtpd show which one is right.
func (f *Facts) Layouts() []protocol.Layout {
	arch := "amd64"
	if f.Bits == 32 {
		if arch = machines32()[f.Machine]; arch == "" {
			arch = "arm"
		}
	}
	l := protocol.LayoutFor(systems()[f.OS], arch)
	l.Order = binary.LittleEndian
	if f.Big {
		l.Order = binary.BigEndian
		l.ShortHeader = f.shortHeader()
	}
	if l.Word == 8 {
		return []protocol.Layout{l}
	}
	// A time_t of 32-bit Linux has 4 or 8 bytes, depending on the C library. On other systems
	// the second layout is never right, and does no harm.
	other := l
	other.Time = 12 - l.Time
	return []protocol.Layout{l, other}
}

// shortHeader reports whether smtpd uses the frame header of versions before 7.7. OpenBSD's
// own smtpd has versions that the portable smtpd does not have, but its header changed
// likewise.
func (f *Facts) shortHeader() bool {
	major, rest, _ := strings.Cut(f.Smtpd, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(strings.TrimRightFunc(minor, func(r rune) bool { return r < '0' || r > '9' }))
	return errA == nil && errB == nil && (a < 7 || a == 7 && b < 7)
}
