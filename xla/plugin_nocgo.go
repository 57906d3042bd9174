//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package xla

import (
	"errors"

	"github.com/gomlx/compute"
)

const (
	builtWithCgo = false
	noCgo        = "this build has no cgo, which XLA needs: build with CGO_ENABLED=1 and a C compiler"
)

func openPlugin(string, string, int) (*Opened, error) { return nil, errors.New(noCgo) }

func deviceNames(backend compute.Backend) []string { return []string{backend.Description()} }
