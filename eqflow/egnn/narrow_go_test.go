//go:build !cgo || !amd64

package egnn

func narrow() bool { return false }
