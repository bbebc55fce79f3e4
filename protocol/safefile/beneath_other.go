//go:build !linux

package safefile

// openBeneath opens rel in the folder root. Links in rel are an error.
func openBeneath(root, rel string, flags int) (int, error) { return walk(root, rel, flags) }
