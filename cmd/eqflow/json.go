package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// addJSONFlag gives a command the flag --json.
func addJSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

// writeJSON prints a value as indented JSON.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	return nil
}

// writeSealedJSON is writeJSON for what another command reads: it has a checksum.
func writeSealedJSON(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		text, err = atomic.Seal(text)
	}
	if err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	_, err = w.Write(text)
	return err
}
