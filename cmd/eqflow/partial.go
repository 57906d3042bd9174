package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// partial is the file of an unfinished draw, beside the file of all samples. The same command goes
// on with it, and ends with the same bytes as an uninterrupted one.
type partial struct {
	path string
	// origin is all that decides the bytes of the draw, as JSON.
	origin []byte
}

// partialOf returns the unfinished draw of a job into a file. whole says that the job is all
// samples of a command, whose draws are others than those of shards.
func partialOf(path string, model *eqflow.Model, job campaign.Job, whole bool) (partial, error) {
	origin, err := json.Marshal(map[string]any{
		"job": job, "whole": whole, "engine": model.ComputedBy().String(), "backend": model.Backend().Name(),
		"devices": model.Devices(),
	})
	return partial{path + ".part", origin}, err
}

// errKeep ends a part of a draw, to keep it.
var errKeep = errors.New("time to keep the samples")

// keepEvery is the time between two writes of an unfinished draw.
const keepEvery = time.Minute

// draw maps the draws of the prior, and keeps what there is every minute and when a signal ends it.
func (p partial) draw(cmd *cobra.Command, model *eqflow.Model, z particle.Batch) (density.Image, error) {
	image := p.read(cmd)
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = time.Now()
	defer line.clear()
	every, lasted, before := keepEvery, keepEvery, image.X.Len()
	for {
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), every, errKeep)
		model.Watch(ctx, func(done, total int) { line.show("%d of %d configurations", done, total) })
		var err error
		image, err = model.Continue(image, z, 0)
		cancel()
		stopped := cmd.Context().Err() != nil
		if err == nil || !stopped && !errors.Is(err, errKeep) {
			return image, err
		}
		begun := time.Now()
		kept := p.write(image)
		// Writing takes a small part of the time, and one part is long enough for its blocks.
		every = max(keepEvery, 20*time.Since(begun))
		if image.X.Len() <= before {
			every = 2 * lasted
		}
		before, lasted = image.X.Len(), every
		switch {
		case stopped && kept == nil && image.X.Len() > 0:
			return image, fmt.Errorf("stopped after %d of %d samples, kept in %s; the same command continues: %w",
				image.X.Len(), z.Len(), p.path, context.Canceled)
		case stopped:
			return image, errors.Join(err, kept)
		case kept != nil:
			fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: warning: the samples so far cannot be kept:", oneLine(kept))
		}
	}
}

// write keeps the images so far.
func (p partial) write(image density.Image) error {
	if image.X.Len() == 0 {
		return nil
	}
	x := image.X
	arrays := dataset.Arrays{
		dataset.Bytes("origin", p.origin),
		dataset.Float64("x", x.X, x.Len(), x.N, x.D), dataset.Float64("log_q", image.LogQ),
	}
	if image.LogQError != nil {
		arrays = append(arrays, dataset.Float64("log_q_error", image.LogQError))
	}
	return dataset.WriteArrays(p.path, arrays, true)
}

// read returns the images that an earlier run kept, and says so. It returns none if there is no
// file of the same draw.
func (p partial) read(cmd *cobra.Command) (image density.Image) {
	arrays, err := dataset.ReadArrays(p.path)
	if errors.Is(err, os.ErrNotExist) {
		return image
	}
	origin, _ := arrays.Get("origin")
	x, _ := arrays.Get("x")
	logQ, _ := arrays.Get("log_q")
	logQError, _ := arrays.Get("log_q_error")
	whole := err == nil && len(x.Shape) == 3 && x.F64 != nil && len(logQ.F64) == x.Shape[0]
	if !whole || !bytes.Equal(origin.U8, p.origin) {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s is of another draw, or damaged, and is not used\n", p.path)
		return image
	}
	image.X = particle.Batch{X: x.F64, N: x.Shape[1], D: x.Shape[2]}
	image.LogQ, image.LogQError = logQ.F64, logQError.F64
	fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: continues after %d samples in %s\n", image.X.Len(), p.path)
	return image
}

// remove removes the file, once all samples are written.
func (p partial) remove() { _ = os.Remove(p.path) }
