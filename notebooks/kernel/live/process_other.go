//go:build !unix

package live

import (
	"errors"
	"os"
	"os/exec"
)

// There are no plugins on this system, so that prepare refuses before any process starts.

func fifo(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func ownGroup(*exec.Cmd) {}

func interruptGroup(int) {}

func killGroup(int) {}
