package tools

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/go-crypt/crypt/algorithm"
	"github.com/go-crypt/crypt/algorithm/bcrypt"
	"github.com/go-crypt/crypt/algorithm/md5crypt"
	"github.com/go-crypt/crypt/algorithm/scrypt"
	"github.com/go-crypt/crypt/algorithm/sha1crypt"
	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"github.com/go-crypt/x/yescrypt"

	"smtpctl/protocol/safefile"
	"smtpctl/shell/command"
)

// maxPassword is the longest password, in bytes: the limit of crypt(3) is 511.
const maxPassword = 511

// A scheme is a way to hash passwords that crypt(3) supports.
type scheme struct {
	name  string
	cost  int // by default
	least int
	most  int
	unit  string // of the cost
	hash  func(cost int) (algorithm.Hash, error)
}

// schemes are the schemes of encrypt --scheme.
var schemes = []scheme{
	{"bcrypt", 12, 10, 20, "the binary logarithm of the rounds", func(cost int) (algorithm.Hash, error) {
		return bcrypt.New(bcrypt.WithCost(cost))
	}},
	{"sha512", 5000, 1000, 10_000_000, "rounds", func(cost int) (algorithm.Hash, error) {
		return shacrypt.New(shacrypt.WithVariant(shacrypt.VariantSHA512), shacrypt.WithIterations(cost))
	}},
	{"yescrypt", 8, 3, 11, "as crypt(5) counts it: 8 takes 128 MB, each step doubles that", func(cost int) (algorithm.Hash, error) {
		return scrypt.New(scrypt.WithVariant(scrypt.VariantYescrypt), scrypt.WithLN(cost+yescryptLN), scrypt.WithR(yescryptBlock), scrypt.WithP(1))
	}},
}

// How crypt(3) makes yescrypt's parameters from a cost of 3 to 11.
const (
	yescryptLN    = 7 // to be added, for the binary logarithm of N
	yescryptBlock = 32
)

// findScheme returns the scheme with a name.
func findScheme(name string) (*scheme, error) {
	for i := range schemes {
		if schemes[i].name == name {
			return &schemes[i], nil
		}
	}
	return nil, command.Usagef("--scheme: expected one of %s", strings.Join(schemeNames(), ", "))
}

func schemeNames() []string {
	var names []string
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return names
}

// chosenScheme returns the scheme and the cost of the options. The default scheme is that
// of OpenSMTPD's smtpctl on this system; each scheme has a default cost.
func chosenScheme(o *command.Options) (*scheme, int, error) {
	name := o.Scheme
	if name == "" {
		name = SystemScheme(encryptHelpers)
	}
	s, err := findScheme(name)
	if err != nil {
		return nil, 0, err
	}
	cost := o.Cost
	if cost == 0 {
		cost = s.cost
	}
	if cost < s.least || cost > s.most {
		return nil, 0, command.Usagef("--cost %d: expected %d to %d for %s (%s)", cost, s.least, s.most, s.name, s.unit)
	}
	return s, cost, nil
}

// encryptHelpers are the paths where systems install the program that hashes passwords
// for OpenSMTPD's smtpctl.
var encryptHelpers = []string{
	"/usr/libexec/opensmtpd/encrypt",
	"/usr/lib/opensmtpd/encrypt",
	"/usr/lib/smtpd/encrypt",
	"/usr/libexec/smtpd/encrypt",
	"/usr/local/libexec/opensmtpd/encrypt",
	"/usr/pkg/libexec/opensmtpd/encrypt",
}

// maxHelper is how many bytes of that program are searched.
const maxHelper = 64 << 20

// SystemScheme returns the name of the scheme that OpenSMTPD's smtpctl uses on this
// system. On OpenBSD it is bcrypt. Portable OpenSMTPD uses SHA-512 up to 7.3; later
// releases use the default of crypt_gensalt(3), which is yescrypt, and their helper has
// that function among its symbols. Without a readable helper it is sha512.
func SystemScheme(helpers []string) string {
	if runtime.GOOS == "openbsd" {
		return "bcrypt"
	}
	for _, path := range helpers {
		f, err := safefile.OpenLinked(path)
		if err != nil {
			continue
		}
		program, err := io.ReadAll(io.LimitReader(f, maxHelper))
		f.Close()
		if err != nil {
			continue
		}
		if bytes.Contains(program, []byte("\x00crypt_gensalt\x00")) {
			return "yescrypt"
		}
		break
	}
	return "sha512"
}

// checkPassword returns an error for a password that crypt(3) cannot hash.
func checkPassword(password string) error {
	switch {
	case strings.IndexByte(password, 0) >= 0:
		return errors.New("encrypt: a password must not contain a NUL")
	case len(password) > maxPassword:
		return fmt.Errorf("encrypt: the password has %d bytes, expected at most %d", len(password), maxPassword)
	}
	return nil
}

// errHash is the error for a text that is not a hash of a supported scheme.
var errHash = errors.New("expected a hash as crypt(3) makes it: $2b$, $5$, $6$, $y$, $1$ or $sha1$")

// Limits of the hashes that are verified. A higher cost would take hours or gigabytes,
// and is not used for passwords.
const (
	maxHashRounds = 50_000_000
	maxHashMemory = 2 << 30 // bytes
)

// parseHash parses a hash in the format of crypt(3), unless its cost is too high.
func parseHash(text string) (algorithm.Digest, error) {
	if err := checkHashCost(text); err != nil {
		return nil, err
	}
	decoders := map[string]algorithm.DecodeFunc{
		"2a": bcrypt.Decode, "2b": bcrypt.Decode, "2x": bcrypt.Decode, "2y": bcrypt.Decode,
		"5": shacrypt.Decode, "6": shacrypt.Decode, "y": scrypt.Decode, "1": md5crypt.Decode, "sha1": sha1crypt.Decode,
	}
	_, rest, _ := strings.Cut(text, "$")
	kind, _, _ := strings.Cut(rest, "$")
	decode := decoders[kind]
	if decode == nil {
		return nil, errHash
	}
	d, err := decode(text)
	if err != nil {
		return nil, errHash
	}
	return d, nil
}

// checkHashCost returns an error for a hash that would take too long or too much memory
// to verify.
func checkHashCost(text string) error {
	f := strings.Split(text, "$")
	if len(f) < 4 {
		return errHash
	}
	var n uint64
	switch {
	case f[1] == "y":
		_, ln, r, err := yescrypt.DecodeSetting([]byte(f[2]))
		if err != nil || ln < 1 || r < 1 {
			return errHash
		}
		if ln > 30 || r > 1<<20 || uint64(r)<<(ln+7) > maxHashMemory {
			return errors.New("its cost is too high to be checked: it would take more than 2 GB")
		}
	case strings.HasPrefix(f[1], "2"):
		if _, err := fmt.Sscanf(f[2], "%d", &n); err != nil {
			return errHash
		}
		n = 1 << min(n, 62)
	case strings.HasPrefix(f[2], "rounds="):
		if _, err := fmt.Sscanf(f[2], "rounds=%d", &n); err != nil {
			return errHash
		}
	case f[1] == "sha1":
		if _, err := fmt.Sscanf(f[2], "%d", &n); err != nil {
			return errHash
		}
	}
	if n > maxHashRounds {
		return fmt.Errorf("its cost is too high to be checked: %d rounds", n)
	}
	return nil
}
