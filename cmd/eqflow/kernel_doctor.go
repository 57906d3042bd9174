package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

const doctorHelp = `Examines everything that the kernel "eqflow (Go)" needs, from the go command to the room on disk,
and runs one cell in the installed kernel. For each part it prints "ok", "note" or "OFF". A note
costs speed or comfort; what is off keeps cells from running, or from running well. Below either
stands the command that mends it. The exit code is 1 if something is off.`

// condition says how a part is.
type condition string

const (
	isOK   condition = "ok"
	isNote condition = "note" // it costs speed or comfort
	isOff  condition = "OFF"
)

// finding is what the doctor says about one part.
type finding struct {
	Part  string    `json:"part"`
	State condition `json:"state"`
	Says  string    `json:"says"`
	Mend  string    `json:"mend,omitempty"` // what mends it, mostly a command
}

func fine(part, format string, args ...any) finding {
	return finding{Part: part, State: isOK, Says: fmt.Sprintf(format, args...)}
}

// patient is what the examinations share.
type patient struct {
	root    string // of the code that cells compile against
	where   kernelPlace
	kernels []serve.Installed // found by examineKernel
}

// examinations are in the order in which a user mends: each part needs those above it.
var examinations = []func(context.Context, *patient) finding{
	examineGo, examineCgo, examineFlags, examineWorkspace, examineTemporary, examineDisk,
	examineXLA, examineKernel, examineCell, examineGopls,
}

// newKernelDoctorCommand examines the machine and the installed kernel.
func newKernelDoctorCommand() *cobra.Command {
	var p patient
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find what keeps the kernel from running, and the command that mends it",
		Long:  doctorHelp,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.root, err = gonb.FindCode("."); err != nil {
				return asInput(err)
			}
			if _, err := p.where.find(cmd.Context()); err != nil {
				return err
			}
			line := newStatus(cmd.ErrOrStderr(), "kernel doctor")
			var found []finding
			for _, examine := range examinations {
				line.show("%d of %d parts examined", len(found), len(examinations))
				found = append(found, examine(cmd.Context(), &p))
				if err := cmd.Context().Err(); err != nil {
					return err
				}
			}
			line.clear()
			return report(cmd.OutOrStdout(), found, asJSON)
		},
	}
	p.where.add(cmd)
	addJSONFlag(cmd, &asJSON)
	return cmd
}

// report prints the findings, and returns an error if something is off.
func report(out io.Writer, found []finding, asJSON bool) error {
	off := 0
	for _, f := range found {
		if f.State == isOff {
			off++
		}
	}
	print := printFindings
	if asJSON {
		print = func(out io.Writer, found []finding) error { return writeJSON(out, found) }
	}
	if err := print(out, found); err != nil {
		return err
	}
	if off > 0 {
		return fmt.Errorf("%d of %d parts are off; mend them from the top, then run eqflow kernel doctor again",
			off, len(found))
	}
	return nil
}

func printFindings(out io.Writer, found []finding) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range found {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.State, f.Part, cmp.Or(f.Says, "–"))
		if f.Mend != "" {
			fmt.Fprintf(table, "\t\t→ %s\n", f.Mend)
		}
	}
	return table.Flush()
}
