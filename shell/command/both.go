package command

import (
	"cmp"
	"fmt"
)

// Both returns one error of one line for two, of which either may be nil.
func Both(a, b error) error {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return fmt.Errorf("%w; %w", a, b)
}
