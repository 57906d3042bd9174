//go:build !unix

package live

import (
	"errors"
	"os"
)

// There are no plugins on this system, so that prepare refuses before any process starts.

func fifo(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func interruptGroup(int) {}
