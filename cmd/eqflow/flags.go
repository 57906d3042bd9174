package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

// addBackendFlag gives a command the flag --backend.
func addBackendFlag(cmd *cobra.Command, spec *string) {
	cmd.Flags().StringVar(spec, "backend", xla.Auto, "what computes: auto, cuda, cpu, go, or the `path` of a PJRT plugin")
}

// addJSONFlag gives a command the flag --json.
func addJSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

// openBackend opens what --backend asked for and says on stderr which one it is and why. The caller closes it.
func openBackend(cmd *cobra.Command, spec string) (*xla.Opened, error) {
	o, err := xla.Open(spec)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: computing with", o)
	return o, nil
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
