package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/xla"
)

// computeFlags are --backend, --engine and --devices: what computes a model.
type computeFlags struct {
	backend, engine string
	devices         int
}

// add gives a command the flags.
func (c *computeFlags) add(cmd *cobra.Command) {
	addBackendFlag(cmd, &c.backend)
	addEngineFlag(cmd, &c.engine)
	cmd.Flags().IntVar(&c.devices, "devices", 1,
		"number of the backend's devices that share every batch; a CPU acts as any number of devices, for trials")
}

// addBackendFlag gives a command the flag --backend.
func addBackendFlag(cmd *cobra.Command, spec *string) {
	cmd.Flags().StringVar(spec, "backend", xla.Auto,
		"what compiles graphs: auto, cuda, cpu, go, or the `path` of a PJRT plugin")
}

// addEngineFlag gives a command the flag --engine.
func addEngineFlag(cmd *cobra.Command, kind *string) {
	cmd.Flags().StringVar(kind, "engine", string(engine.Default()),
		"the `engine` that computes the flow: auto (the fastest), graph (graphs that the backend compiles) or host "+
			"(tables in Go for kernel, C for egnn; onehop, mlp, realnvp and internal run on graphs alone)")
}

// mostDevices bounds the devices, each of which costs a CPU's backend a thread and memory.
const mostDevices = 256

// check refuses an engine that does not exist.
func (c computeFlags) check() error {
	if !slices.Contains(engine.Kinds, engine.Kind(c.engine)) {
		return inputErrorf("--engine %q: give auto, graph or host", c.engine)
	}
	if c.devices > mostDevices {
		return inputErrorf("--devices %d; no backend has more than %d", c.devices, mostDevices)
	}
	return nil
}

// load opens the backend and the model in a folder. The caller closes the backend by calling done.
func (c computeFlags) load(cmd *cobra.Command, folder string) (model *eqflow.Model, done func(), err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	backend, err := openBackend(cmd, c.backend, c.devices)
	if err != nil {
		return nil, nil, err
	}
	if model, _, err = eqflow.LoadWith(backend.Backend, folder, engine.Kind(c.engine)); err == nil {
		err = model.Share(c.devices)
	}
	if err != nil {
		backend.Close()
		return nil, nil, modelError(err)
	}
	if !model.Checked() {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: the model in %s has no checksum; an earlier version wrote it\n", folder)
	}
	return model, backend.Close, context.Cause(cmd.Context())
}

// openBackend opens the backend of --backend. It says on stderr which backend that is, and why. The
// caller closes the backend.
func openBackend(cmd *cobra.Command, spec string, devices int) (*xla.Opened, error) {
	o, err := xla.OpenDevices(spec, devices)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: computing with", o)
	return o, nil
}
