//go:build !unix

package serve

// IsShared reports false: on this system every kernel is for one user.
func IsShared(string) bool { return false }

// LetOthersRead does nothing on this system.
func LetOthersRead() (restore func()) { return func() {} }

// open does nothing on this system.
func (s Share) open() error { return nil }
