package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

// addBackendFlag gives a command the flag --backend.
func addBackendFlag(cmd *cobra.Command, spec *string) {
	cmd.Flags().StringVar(spec, "backend", xla.Auto, "what computes: auto, cuda, cpu, go, or the `path` of a PJRT plugin")
}

// addDevicesFlag gives a command the flag --devices.
func addDevicesFlag(cmd *cobra.Command, devices *int) {
	cmd.Flags().IntVar(devices, "devices", 1, "how many of the backend's devices share every batch; on the CPU, to try it out, as many as you ask for")
}

// addJSONFlag gives a command the flag --json.
func addJSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

// openBackend opens what --backend asked for and says on stderr which one it is and why. The caller closes it.
func openBackend(cmd *cobra.Command, spec string, devices int) (*xla.Opened, error) {
	o, err := xla.OpenDevices(spec, devices)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: computing with", o)
	return o, nil
}

// openOrInstall opens what was asked for, and installs the CPU plugin first if it is what auto lacks. The caller closes it.
func openOrInstall(ctx context.Context, stderr io.Writer, spec string) (*xla.Opened, error) {
	opened, err := xla.Open(spec)
	if err != nil {
		return nil, err
	}
	if !opened.IsXLA() && spec == xla.Auto && os.Getenv(xla.EnvBackend) == "" {
		fmt.Fprintln(stderr, "eqflow: installing the XLA CPU plugin (66 MB)")
		if _, err := xla.Install(ctx, xla.CPU, xla.InstallOptions{}); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			fmt.Fprintf(stderr, "eqflow: no XLA (%s); going on with the Go backend\n", oneLine(err))
		}
		opened.Close()
		if opened, err = xla.Open(spec); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(stderr, "eqflow: computing with", opened)
	return opened, nil
}

// writeJSON prints a value for scripts, indented for people.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	return nil
}
