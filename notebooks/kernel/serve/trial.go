package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/scratch"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// trialCell uses eqflow without an import, and prints what no other cell would print.
const trialCell = "%%\nfmt.Println(\"trial of\", target.DW4().Name())"

// trialLimit is far longer than a kernel and its first cell need, also where the cell compiles
// eqflow anew.
const trialLimit = 5 * time.Minute

// Trial starts an installed kernel as Jupyter does, runs one cell and ends the kernel. It returns
// the time from the start to the cell's output.
func Trial(ctx context.Context, i Installed) (took time.Duration, err error) {
	ctx, stop := context.WithTimeout(ctx, trialLimit)
	defer stop()
	folder, _, err := scratch.Make(scratch.Need{Pattern: "eqflow-trial-", Sockets: len("/s-1")})
	if err != nil {
		return 0, fmt.Errorf("kernel: %w", err)
	}
	defer os.RemoveAll(folder)
	key := gonb.Signer(gonb.RandomToken())
	connection, err := writeConnection(folder, key)
	if err != nil {
		return 0, fmt.Errorf("kernel: cannot write a connection file: %w", err)
	}
	command, err := i.command(ctx, connection)
	if err != nil {
		return 0, err
	}
	log, err := os.Create(filepath.Join(folder, "log")) // a pipe would be held open by the kernel's children
	if err != nil {
		return 0, err
	}
	defer log.Close()
	begun := time.Now()
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("kernel: the program of the kernel does not start: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
		stop() // nothing will answer any more
	}()
	defer func() {
		stop() // interrupts the kernel, which then ends by itself
		<-ended
		if text, _ := os.ReadFile(log.Name()); err != nil && len(text) > 0 {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
		}
	}()
	return runTrial(ctx, folder, key, begun)
}

// runTrial runs the cell in the kernel whose sockets are in a folder.
func runTrial(ctx context.Context, folder string, key gonb.Signer, begun time.Time) (time.Duration, error) {
	for _, err := os.Stat(filepath.Join(folder, "s-1")); err != nil; _, err = os.Stat(filepath.Join(folder, "s-1")) {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("kernel: it ended, or did not answer within %s", trialLimit)
		case <-time.After(20 * time.Millisecond):
		}
	}
	client, err := gonb.Connect(ctx, folder, key)
	if err != nil {
		return 0, err
	}
	defer client.Channels.Close()
	out := ipynb.NewCollector()
	if _, err := client.Execute(ctx, trialCell, out.Collect); err != nil {
		return 0, err
	}
	if out.Failure != "" {
		return 0, errors.New(out.Failure)
	}
	if text := fmt.Sprint(out.Outputs()); !strings.Contains(text, "trial of dw4") {
		return 0, fmt.Errorf("kernel: the trial cell shows %s", text)
	}
	return time.Since(begun), nil
}

// writeConnection writes a connection file for sockets in a folder.
func writeConnection(folder string, key gonb.Signer) (path string, err error) {
	text, err := json.Marshal(map[string]any{
		"transport": "ipc", "ip": filepath.Join(folder, "s"), "key": string(key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5,
	})
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, "kernel.json")
	return path, os.WriteFile(path, text, 0o600)
}

// command returns the program that Jupyter starts for a kernel, with the variables of its
// kernelspec. The end of ctx interrupts the program.
func (i Installed) command(ctx context.Context, connection string) (*exec.Cmd, error) {
	text, err := os.ReadFile(filepath.Join(i.Folder, "kernel.json"))
	var s spec
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil || len(s.Argv) == 0 {
		return nil, fmt.Errorf("kernel: %s has no readable kernel.json (%w); run `eqflow kernel install`", i.Folder, err)
	}
	args := slices.Clone(s.Argv)
	for k, argument := range args {
		args[k] = strings.ReplaceAll(argument, "{connection_file}", connection)
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Env = os.Environ()
	for name, value := range s.Env {
		command.Env = append(command.Env, name+"="+value)
	}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	return command, nil
}
