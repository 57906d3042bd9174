//go:build !linux

package host

import (
	"errors"
	"os"
)

// Cells of other systems run in GoNB.
func emptyInput()                   {}
func pipedInput() (*os.File, error) { return nil, errors.ErrUnsupported }
func unreadInput() int              { return 0 }
