//go:build !unix

package atomic

// alive takes every process for a living one where it cannot be asked.
func alive(int) bool { return true }
