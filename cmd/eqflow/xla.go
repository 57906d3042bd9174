package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

const xlaHelp = `Lists the backends that this machine can compute with: XLA on an NVIDIA device (cuda), XLA
on the CPU (cpu), and plain Go (go), which is always there. Each plugin that is found is
loaded and opened; the table shows its path, the version of its PJRT interface and its
devices, and below it why a candidate cannot be used. The last line is what commands
compute with unless --backend says otherwise. Nothing is downloaded.`

// newXLACommand lists backends; its subcommand installs plugins.
func newXLACommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "xla",
		Short:   "Show which backends there are, and install XLA",
		Long:    xlaHelp,
		Example: "  eqflow xla\n  eqflow xla --json\n  eqflow xla install",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showBackends(cmd.OutOrStdout(), asJSON)
		},
	}
	addJSONFlag(cmd, &asJSON)
	cmd.AddCommand(newXLAInstallCommand())
	return cmd
}

// backends is the result of "eqflow xla".
type backends struct {
	Candidates []xla.Candidate `json:"candidates"`
	Auto       choice          `json:"auto"`
}

// choice is what "auto" opens, or why it does not.
type choice struct {
	Kind   string `json:"kind"`
	Plugin string `json:"plugin"`
	Why    string `json:"why"`
}

func showBackends(out io.Writer, asJSON bool) error {
	found := backends{Candidates: xla.Probe()}
	verdict := ""
	if o, err := xla.Open(xla.Auto); err != nil {
		found.Auto.Why, verdict = oneLine(err), "opens nothing: "+oneLine(err)
	} else {
		defer o.Close()
		found.Auto, verdict = choice{o.Kind, o.Plugin, o.Why}, "is "+o.String()
	}
	if asJSON {
		return writeJSON(out, found)
	}
	if err := writeCandidates(out, found.Candidates); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nbackend \"auto\" %s\n", verdict)
	return err
}

// writeCandidates prints the table, and below it the reasons, which are too long for a column.
func writeCandidates(out io.Writer, candidates []xla.Candidate) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "BACKEND\tUSABLE\tPJRT\tDEVICES\tPLUGIN\tFOUND BY")
	var reasons []string
	for _, c := range candidates {
		usable := "yes"
		if !c.Usable {
			usable = "no"
			reasons = append(reasons, strings.TrimPrefix(c.Path+": ", ": ")+c.Why)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Kind, usable, dash(c.Version), deviceSummary(c.Devices), dash(c.Path), dash(c.Source))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, reason := range reasons {
		if _, err := fmt.Fprintf(out, "\nnot usable: %s\n", reason); err != nil {
			return err
		}
	}
	return nil
}

// deviceSummary is the number of devices and the first one's name.
func deviceSummary(devices []string) string {
	if len(devices) == 0 {
		return "-"
	}
	name, _, _ := strings.Cut(devices[0], " [processId")
	return fmt.Sprintf("%d: %s%s", len(devices), name, strings.Repeat(", …", min(len(devices)-1, 1)))
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
