//go:build !unix

package gonb

import (
	"errors"
	"os"
)

// process stands for a GoNB process where GoNB cannot run.
type process struct {
	done chan struct{}
}

func startProcess(string, []string, string, []string, *os.File) (*process, error) {
	return nil, errors.New("kernel: GoNB runs on Linux and macOS only; use Docker or WSL")
}

func (p *process) kill() {}

// alive cannot be told here: nothing is taken for stale.
func alive(int) bool { return true }
