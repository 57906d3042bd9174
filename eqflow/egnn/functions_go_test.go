//go:build !cgo || !amd64

package egnn

func switchVectors() bool { return false }
