//go:build !linux

package atomic

// renameNew renames a file to a name that does not exist.
func renameNew(from, to string) error { return linkNew(from, to) }
