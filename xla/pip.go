package xla

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// pips are the commands that may start pip, in the order in which they are tried.
var pips = [][]string{{"python3", "-m", "pip"}, {"pip3"}, {"python", "-m", "pip"}, {"pip"}}

// download fetches the pinned wheel into the folder work and returns its path.
func (w wheel) download(ctx context.Context, work string, report reporter) (string, error) {
	pip := findPip(ctx)
	if pip == nil {
		return "", fmt.Errorf("xla: pip is needed to download %s %s, but this machine has none; "+
			"install Python with pip (apt install python3-pip), or %s", w.project, w.version, w.manually())
	}
	target := filepath.Join(work, "download")
	arguments := append(pip[1:], "download", w.project+"=="+w.version, "--no-deps", "--only-binary=:all:",
		"--platform", w.platform, "--dest", target, "--no-input", "--disable-pip-version-check",
		"--progress-bar", "off", "--retries", "1", "--timeout", "30")
	command := exec.CommandContext(ctx, pip[0], arguments...)
	// pip first downloads into its temporary folder. Below work, the growing file can be measured,
	// and is removed with the folder.
	command.Env = append(os.Environ(), "TMPDIR="+work, "PYTHONWARNINGS=ignore", "PIP_REQUIRE_VIRTUALENV=0")
	command.WaitDelay = 2 * time.Second
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	stop := watchFolder(work, w.size, report)
	err := command.Run()
	stop()
	if err != nil {
		return "", fmt.Errorf("xla: pip could not download %s %s (%s); "+
			"check the network, or set PIP_INDEX_URL to a mirror, or %s",
			w.project, w.version, pipError(output.String(), err), w.manually())
	}
	file := filepath.Join(target, w.file())
	if _, err := os.Stat(file); err != nil {
		return "", fmt.Errorf("xla: pip downloaded something other than %s; "+
			"check PIP_INDEX_URL and pip's settings, or %s", w.file(), w.manually())
	}
	return file, nil
}

// manually says how to install the wheel without pip.
func (w wheel) manually() string {
	return fmt.Sprintf("download %s from https://pypi.org/project/%s/%s/#files on another machine "+
		"and run `eqflow xla install %s --wheel %s`", w.file(), w.project, w.version, w.kind, w.file())
}

// findPip returns the first command that starts pip, nil if none does. It tries each of them,
// because a Python without pip is common, and so is a name that leads nowhere.
func findPip(ctx context.Context) []string {
	for _, pip := range pips {
		command := exec.CommandContext(ctx, pip[0], append(pip[1:len(pip):len(pip)], "--version")...)
		command.WaitDelay = 2 * time.Second
		if command.Run() == nil {
			return pip[:len(pip):len(pip)]
		}
	}
	return nil
}

// pipError returns the most telling line of pip's output: the first one that begins with ERROR,
// since the later ones only follow from it.
func pipError(output string, err error) string {
	network := ""
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "connection broken by") {
			network = "no connection: "
		}
		if message, found := strings.CutPrefix(line, "ERROR: "); found {
			return network + firstLine(fmt.Errorf("%s", message))
		}
	}
	if output = strings.TrimSpace(output); output != "" {
		return firstLine(fmt.Errorf("%s", output[strings.LastIndex(output, "\n")+1:]))
	}
	return err.Error()
}

// watchFolder reports the size of the largest file below a folder, four times per second, until
// stop is called.
func watchFolder(folder string, total int64, report reporter) (stop func()) {
	done, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			report("download", min(largest(folder), total), total)
			select {
			case <-done:
				report("download", min(largest(folder), total), total)
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(done); <-finished }
}

// largest returns the size of the largest file below a folder, in bytes.
func largest(folder string) (size int64) {
	_ = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // files appear and vanish while pip works
		}
		if info, err := entry.Info(); err == nil {
			size = max(size, info.Size())
		}
		return nil
	})
	return size
}
