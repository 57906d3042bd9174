package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/comparison"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

const compareHelp = `Puts the evaluations of several models side by side: NLL (with four times the solver's steps), ESS,
log Z, the W2s of raw samples, the time of training, and effective samples per second. The last row
shows the values of a perfect model.

Each argument is the folder of a model that "eqflow eval" has judged, or a file written by
"eqflow eval --json". Figures can be compared if they come from the same data and from the same
numbers of samples.`

const compareExamples = `  eqflow eval --model kernel --data test.npz
  eqflow eval --model egnn --data test.npz --json > egnn.json
  eqflow compare kernel egnn.json --out comparison`

// newCompareCommand makes one table and one figure of several models.
func newCompareCommand() *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "compare A [B …]",
		Short:   "Put several judged models side by side",
		Long:    compareHelp,
		Example: compareExamples,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, paths []string) error {
			c, err := comparison.Read(paths...)
			if err != nil {
				return asInput(err)
			}
			if out != "" {
				if err := saveComparison(cmd, c, out); err != nil {
					return err
				}
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), c)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Models of %s\n\n%s", c[0].System, c.Table())
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "a `folder` for comparison.png and comparison.json")
	addJSONFlag(cmd, &asJSON)
	return cmd
}

// saveComparison writes the figure and the reports into a folder.
func saveComparison(cmd *cobra.Command, c comparison.Comparison, folder string) error {
	picture, err := c.Figure().Save(folder)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	data := filepath.Join(folder, "comparison.json")
	if err := atomic.WriteFile(data, append(text, '\n')); err != nil {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: wrote", picture, "and", data)
	return nil
}
