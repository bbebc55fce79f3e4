package cmdline

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"smtpctl/shell/selector"
)

// A span is a time with units up to weeks, as a flag.
type span struct{ d *time.Duration }

// Set implements pflag.Value.
func (s *span) Set(text string) (err error) {
	*s.d, err = selector.Duration(text)
	return err
}

// String implements pflag.Value.
func (s *span) String() string {
	if s.d == nil || *s.d == 0 {
		return "0"
	}
	const day = 24 * time.Hour
	if *s.d%day == 0 {
		return fmt.Sprintf("%dd", *s.d/day)
	}
	return s.d.String()
}

// Type implements pflag.Value.
func (s *span) Type() string { return "time" }

// A size is a number of bytes, with k, m, g or t for powers of 1024, as a flag.
type size struct{ n *int64 }

// sizeUnits are the units of sizes, each 1024 times the one before it.
const sizeUnits = "kmgt"

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	digits, power := strings.ToLower(text), 0
	if n := len(digits); n > 1 {
		if i := strings.IndexByte(sizeUnits, digits[n-1]); i >= 0 {
			digits, power = digits[:n-1], i+1
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || digits[0] == '+' || n > math.MaxInt64>>(10*power) {
		return errors.New("want a number of bytes such as 500m or 2g")
	}
	*s.n = n << (10 * power)
	return nil
}

// String implements pflag.Value.
func (s *size) String() string {
	if s.n == nil {
		return "0"
	}
	n, unit := *s.n, ""
	for _, u := range sizeUnits {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, string(u)
	}
	return fmt.Sprint(n) + unit
}

// Type implements pflag.Value.
func (s *size) Type() string { return "bytes" }
