package protocol

import (
	"encoding/binary"
	"runtime"
)

// A Layout says how the C compiler that built smtpd lays out the structures that cross
// the control socket. smtpd sends its memory unchanged, so the layout follows from the
// machine on which both ends run.
type Layout struct {
	// Order is the byte order of every number.
	Order binary.ByteOrder
	// Word is the size of size_t, long and pointers: 4 or 8 bytes.
	Word int
	// Time is the size of time_t: 4 or 8 bytes.
	Time int
	// Align64 is the alignment of 8-byte numbers inside a struct: 4 or 8.
	Align64 int
	// BSDSockaddr says that a sockaddr begins with a length byte and a family byte, as
	// on the BSDs and macOS, instead of a 16-bit family.
	BSDSockaddr bool
	// SockaddrSize is the size of struct sockaddr_storage in bytes: 128, or
	// 256 on OpenBSD.
	SockaddrSize int
	// FamilyINET6 is the AF_INET6 of the machine. AF_INET is 2 everywhere.
	FamilyINET6 int
	// ShortHeader says that the frame header has a 16-bit length and 16 bits of flags,
	// as in imsg before 7.7, instead of one 32-bit length. On a little-endian machine
	// both forms are the same bytes.
	ShortHeader bool
}

// HostLayout returns the layout of the machine on which this program runs.
func HostLayout() Layout {
	l := LayoutFor(runtime.GOOS, runtime.GOARCH)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		l.Order = binary.BigEndian
	}
	return l
}

// LayoutFor returns the layout for a pair of GOOS and GOARCH. An unknown pair gets the
// layout of 64-bit little-endian Linux.
func LayoutFor(goos, goarch string) Layout {
	l := Layout{Order: binary.LittleEndian, Word: 8, Time: 8, Align64: 8, SockaddrSize: 128, FamilyINET6: 10}
	switch goarch {
	case "386", "arm", "mips", "mipsle":
		l.Word = 4
		if goarch == "386" {
			l.Align64 = 4
		}
		switch {
		case goos == "openbsd", goos == "netbsd", goos == "freebsd" && goarch != "386":
		default:
			l.Time = 4
		}
	}
	switch goarch {
	case "mips", "mips64", "ppc64", "s390x":
		l.Order = binary.BigEndian
	}
	switch goos {
	case "openbsd":
		l.BSDSockaddr, l.SockaddrSize, l.FamilyINET6 = true, 256, 24
	case "netbsd":
		l.BSDSockaddr, l.FamilyINET6 = true, 24
	case "freebsd":
		l.BSDSockaddr, l.FamilyINET6 = true, 28
	case "darwin":
		l.BSDSockaddr, l.FamilyINET6 = true, 30
	}
	return l
}

// word reads a size_t or a pointer at the start of b.
func (l Layout) word(b []byte) uint64 {
	if l.Word == 4 {
		return uint64(l.Order.Uint32(b))
	}
	return l.Order.Uint64(b)
}

// time reads a time_t at the start of b: seconds since 1970.
func (l Layout) time(b []byte) int64 {
	if l.Time == 4 {
		return int64(int32(l.Order.Uint32(b)))
	}
	return int64(l.Order.Uint64(b))
}

// long reads a signed long at the start of b.
func (l Layout) long(b []byte) int64 {
	if l.Word == 4 {
		return int64(int32(l.Order.Uint32(b)))
	}
	return int64(l.Order.Uint64(b))
}

// statKV holds the offsets of struct stat_kv: a pointer, a 1024-byte key, a
// 32-bit type and a union of size_t, time_t, timeval and timespec.
type statKV struct {
	key, kind, value, size int
}

// statKeySize is the size of the key in struct stat_kv.
const statKeySize = 1024

// statKV returns the offsets of struct stat_kv in this layout.
func (l Layout) statKV() statKV {
	var s statKV
	s.key = l.Word
	a := max(l.alignOf(l.Time), l.alignOf(l.Word))
	s.kind = roundUp(s.key+statKeySize, a)
	s.value = roundUp(s.kind+4, a)
	union := roundUp(l.Time+l.Word, a)
	s.size = roundUp(s.value+union, a)
	return s
}

// alignOf returns the alignment of an n-byte number in a struct.
func (l Layout) alignOf(n int) int {
	if n == 8 {
		return l.Align64
	}
	return n
}

// roundUp rounds n up to a multiple of a, a power of two.
func roundUp(n, a int) int { return (n + a - 1) &^ (a - 1) }

// digestSize returns the size of struct stat_digest: two time_t and 11 size_t.
func (l Layout) digestSize() int {
	return roundUp(2*l.Time+11*l.Word, max(l.alignOf(l.Time), l.alignOf(l.Word)))
}
