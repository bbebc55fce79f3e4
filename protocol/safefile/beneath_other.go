//go:build !linux

package safefile

// openRoot opens nothing: walk opens the folder each time.
func openRoot(string) (int, error) { return anew, nil }

// openBeneath opens rel in the folder root. Links in rel are an error.
func openBeneath(root string, _ int, rel string, flags int) (int, error) {
	return walk(root, rel, flags)
}

// WithFolders returns the folders: what file systems say of them is known on Linux only.
func (r *Root) WithFolders(paths []string) []string { return paths }
