package main

import (
	"fmt"
	"os"

	"github.com/gomlx/compute"
	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/xla"
)

// newKernelResidentCommand answers the cells of a kernel. The kernel starts this command.
func newKernelResidentCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "helper",
		Short:  "Answer the cells of a kernel; the kernel calls this",
		Args:   noArguments,
		Hidden: true,
		RunE: func(*cobra.Command, []string) error {
			return resident.Run(func(spec string) (compute.Backend, error) {
				opened, err := xla.Open(spec)
				if err != nil {
					return nil, err
				}
				fmt.Fprintln(os.Stderr, "computing with", opened)
				return opened.Backend, nil
			})
		},
	}
}
