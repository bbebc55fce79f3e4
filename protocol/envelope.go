package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Flags are the flags of an envelope: enum envelope_flags of smtpd-api.h. The first
// three are stored with the envelope; the scheduler sets the others.
type Flags uint32

// The flags.
const (
	FlagAuth     Flags = 0x01 // the client had authenticated
	FlagBounce   Flags = 0x02 // it carries a bounce
	FlagInternal Flags = 0x04 // made by expanding an alias or .forward
	FlagPending  Flags = 0x10 // waits for its next try
	FlagInflight Flags = 0x20 // a delivery is going on
	FlagSuspend  Flags = 0x40 // paused by the administrator
	FlagHold     Flags = 0x80 // held back because its destination is busy
)

// The bits of Envelope.DSNNotify say which notifications the sender wants for a
// recipient (RFC 3461, NOTIFY; smtpd.h). No bit stands for the default: failures and
// delays.
const (
	NotifySuccess = 1 << iota
	NotifyFailure
	NotifyDelay
	NotifyNever
)

// NotifyWords are the words of NOTIFY in the order of their bits, beginning with the
// lowest.
var NotifyWords = [...]string{"SUCCESS", "FAILURE", "DELAY", "NEVER"}

// A DeliveryType says how an envelope is to be delivered.
type DeliveryType uint8

// The delivery types. An envelope without a type is for the MDA.
const (
	DeliverMDA    DeliveryType = iota // to a local user
	DeliverMTA                        // to another host
	DeliverBounce                     // as a bounce, yet to be made
)

// String returns mda, mta or bounce.
func (t DeliveryType) String() string { return [...]string{"mda", "mta", "bounce"}[t] }

// A Source says which client a message came from.
type Source struct {
	Local bool       // from sendmail(8) or smtpd itself
	Addr  netip.Addr // of the client; invalid if Local or unknown
}

// Family returns local, inet4, inet6 or ?, as show queue prints it.
func (s Source) Family() string {
	switch {
	case s.Local:
		return "local"
	case s.Addr.Is4():
		return "inet4"
	case s.Addr.Is6():
		return "inet6"
	}
	return "?"
}

// An Address is a mail address. Both parts of the null sender are empty.
type Address struct{ User, Domain string }

// ParseAddress splits an address at its last @, as smtpd does.
func ParseAddress(s string) Address {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return Address{User: s}
	}
	return Address{s[:i], s[i+1:]}
}

// String returns user@domain. For the null sender that is "@".
func (a Address) String() string { return a.User + "@" + a.Domain }

// An Envelope is one recipient of a message, as smtpd stores and lists it. Times are in
// seconds since 1970, and 0 if the event has not happened; durations are in seconds.
type Envelope struct {
	ID      EnvelopeID
	Flags   Flags // also the scheduler's when it was listed by smtpd
	NextTry int64 // when pending the next try, when in flight its start; 0 if not listed by smtpd

	Version    int // of the format: 3
	Dispatcher string
	Tag        string
	Type       DeliveryType
	SMTPName   string
	Helo       string
	Hostname   string
	Username   string
	ErrorLine  string // of the last failure, as the other side sent it
	Source     Source
	Sender     Address
	Rcpt       Address // as it came
	Dest       Address // where it goes
	Created    int64
	LastTry    int64
	LastBounce int64
	TTL        int64 // 0 but for bounces: smtpd keeps it in the scheduler
	Retry      int   // tries so far

	MDAExec, MDASubaddress, MDAUser string
	BounceTTL, BounceDelay          int64
	BounceType                      string
	DSNNotify                       int
	DSNRet, DSNEnvID                string
	DSNOrcpt                        Address
	ESCClass, ESCCode               int
}

// ErrNotEnvelope means that a text is not an envelope of smtpd's version 3.
var ErrNotEnvelope = errors.New("not an envelope")

// ParseEnvelope reads the text of an envelope, which consists of "name: value" lines.
// Unknown names are skipped, because a later smtpd may add some. Values that cannot be
// read, and a version that is missing or not 3, are errors that wrap ErrNotEnvelope.
// The result keeps no reference to text.
func ParseEnvelope(text []byte) (Envelope, error) {
	var e Envelope
	err := e.parse(text)
	return e, err
}

// parse sets the fields that the text of an envelope has.
func (e *Envelope) parse(text []byte) error {
	if i := bytes.IndexByte(text, 0); i >= 0 {
		text = text[:i]
	}
	rest := string(text) // one copy, which every field shares
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return fmt.Errorf("%w: line %q has no colon", ErrNotEnvelope, line)
		}
		if err := e.set(strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t\v\f\r")); err != nil {
			return err
		}
	}
	if e.Version != 3 {
		return fmt.Errorf("%w: version %d, expected 3", ErrNotEnvelope, e.Version)
	}
	return nil
}

// set gives the named field its value.
func (e *Envelope) set(name, value string) (err error) {
	switch name {
	case "version":
		e.Version, err = atoi(name, value)
	case "dispatcher":
		e.Dispatcher = value
	case "tag":
		e.Tag = value
	case "type":
		e.Type, err = parseDeliveryType(value)
	case "smtpname":
		e.SMTPName = value
	case "helo":
		e.Helo = value
	case "hostname":
		e.Hostname = value
	case "username":
		e.Username = value
	case "errorline":
		e.ErrorLine = value
	case "sockaddr":
		e.Source, err = parseSource(value)
	case "sender":
		e.Sender = ParseAddress(value)
	case "rcpt":
		e.Rcpt = ParseAddress(value)
	case "dest":
		e.Dest = ParseAddress(value)
	case "ctime":
		e.Created, err = atoi64(name, value)
	case "last-try":
		e.LastTry, err = atoi64(name, value)
	case "last-bounce":
		e.LastBounce, err = atoi64(name, value)
	case "ttl":
		e.TTL, err = atoi64(name, value)
	case "retry":
		e.Retry, err = atoi(name, value)
	case "flags":
		var f Flags
		f, err = parseFlags(value)
		e.Flags |= f
	case "mda-exec":
		e.MDAExec = value
	case "mda-subaddress":
		e.MDASubaddress = value
	case "mda-user":
		e.MDAUser = value
	case "bounce-ttl":
		e.BounceTTL, err = atoi64(name, value)
	case "bounce-delay":
		e.BounceDelay, err = atoi64(name, value)
	case "bounce-type":
		e.BounceType = value
	case "dsn-notify":
		e.DSNNotify, err = atoi(name, value)
	case "dsn-ret":
		e.DSNRet = value
	case "dsn-envid":
		e.DSNEnvID = value
	case "dsn-orcpt":
		e.DSNOrcpt = ParseAddress(value)
	case "esc-class":
		e.ESCClass, err = atoi(name, value)
	case "esc-code":
		e.ESCCode, err = atoi(name, value)
	}
	return err
}

func atoi(name, value string) (int, error) {
	n, err := atoi64(name, value)
	if err == nil && n > 1<<31-1 {
		return 0, fmt.Errorf("%w: %s %q is too large", ErrNotEnvelope, name, value)
	}
	return int(n), err
}

func atoi64(name, value string) (int64, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: %s %q, expected a number", ErrNotEnvelope, name, value)
	}
	return int64(n), nil
}

func parseDeliveryType(s string) (DeliveryType, error) {
	for t := DeliverMDA; t <= DeliverBounce; t++ {
		if strings.EqualFold(s, t.String()) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("%w: type %q, expected mda, mta or bounce", ErrNotEnvelope, s)
}

func parseFlags(s string) (f Flags, err error) {
	for s != "" {
		var word string
		if i := strings.IndexAny(s, " ,|"); i >= 0 {
			word, s = s[:i], s[i+1:]
		} else {
			word, s = s, ""
		}
		switch strings.ToLower(word) {
		case "authenticated":
			f |= FlagAuth
		case "bounce":
			f |= FlagBounce
		case "internal":
			f |= FlagInternal
		case "enqueued", "":
		default:
			return 0, fmt.Errorf("%w: flag %q", ErrNotEnvelope, word)
		}
	}
	return f, nil
}

// parseSource reads local, 192.0.2.1, [2001:db8::1] or, as written before 6.6,
// IPv6:2001:db8::1.
func parseSource(s string) (Source, error) {
	if s == "local" {
		return Source{Local: true}, nil
	}
	text := s
	switch {
	case len(s) >= 5 && strings.EqualFold(s[:5], "IPv6:"):
		text = s[5:]
	case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
		text = s[1 : len(s)-1]
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return Source{}, fmt.Errorf("%w: sockaddr %q, expected local or an address", ErrNotEnvelope, s)
	}
	return Source{Addr: a}, nil
}
