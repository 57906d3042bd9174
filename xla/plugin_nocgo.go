//go:build !(cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64)))

package xla

import (
	"errors"

	"github.com/gomlx/compute"
)

const (
	builtWithCgo = false
	noCgo        = "this build has no cgo (built with CGO_ENABLED=0, without a C compiler, or for a platform without XLA)"
)

func openPlugin(string, string) (*Opened, error) { return nil, errors.New(noCgo) }

func deviceNames(backend compute.Backend) []string { return []string{backend.Description()} }
