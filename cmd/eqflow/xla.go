package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/xla"
)

const xlaHelp = `Lists the backends of this machine: XLA on an NVIDIA device (cuda), XLA on the CPU (cpu), and plain
Go (go), which always works. The command loads and opens every plugin that it finds. The table shows
the plugin's path, the version of its PJRT interface and its devices. Reasons why a plugin cannot be
used follow the table. The last line names the backend of commands without --backend. Nothing is
downloaded.

A backend compiles and runs graphs. One-hop, MLP, RealNVP and internal flows (onehop, mlp, realnvp,
internal) run on graphs alone. The kernel field has code in Go and the EGNN code in C, which run on
the host without graphs. --engine auto, the default, chooses this code where it can: with one
device, with a backend on the CPU, and for particles of one type; the C code needs an x86 processor
with AVX2 and a build with cgo. Otherwise, and with --engine graph, these two flows run on graphs
too.`

// newXLACommand lists backends; its subcommand installs plugins.
func newXLACommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "xla",
		Short:   "List the backends, and install XLA",
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

// choice is the backend that "auto" opens, or why it opens none.
type choice struct {
	Kind   string `json:"kind"`
	Plugin string `json:"plugin"`
	Why    string `json:"why"`
}

// showBackends prints the backends, as a table or as JSON.
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

// writeCandidates prints the table. The reasons are too long for a column and follow below.
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
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Kind, usable, cmp.Or(c.Version, "-"),
			deviceSummary(c.Devices), cmp.Or(c.Path, "-"), cmp.Or(c.Source, "-"))
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

// deviceSummary is the number of devices and the name of the first one.
func deviceSummary(devices []string) string {
	if len(devices) == 0 {
		return "-"
	}
	name, _, _ := strings.Cut(devices[0], " [processId")
	return fmt.Sprintf("%d: %s%s", len(devices), name, strings.Repeat(", …", min(len(devices)-1, 1)))
}
