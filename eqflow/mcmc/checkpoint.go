package mcmc

import (
	"errors"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// ErrOtherRun marks a checkpoint of a run with other settings.
var ErrOtherRun = errors.New("mcmc: the checkpoint is of another run")

// Write writes the run to a file (.npz), from which ReadReplicaRun continues. settings identifies
// the run, so that no other one continues it.
func (r *ReplicaRun) Write(path, settings string) error {
	counts := []int64{
		int64(r.Ladders), int64(r.Rungs), int64(r.Round), int64(r.Kept), r.Trajectories, r.RoundTrips,
		r.Evaluations,
	}
	return dataset.WriteArrays(path, dataset.Arrays{
		dataset.Bytes("settings", []byte(settings)),
		dataset.Int64("counts", counts), dataset.Float64("time_step", []float64{r.TimeStep}),
		dataset.Int64("shape", []int64{int64(r.X.N), int64(r.X.D)}),
		dataset.Float64("x", r.X.X), dataset.Float64("u", r.U),
		dataset.Float64("samples", r.Samples.X), dataset.Float64("energies", r.Energies),
		dataset.Float64("values", r.Values), dataset.Int64("accepted", r.Accepted),
		dataset.Int64("exchanged", r.Exchanged), dataset.Int64("attempts", r.Attempts),
		dataset.Int64("walker", r.walker),
	}, true)
}

// ReadReplicaRun reads a run that Write has written with the same settings. The error of other
// settings matches ErrOtherRun, that of a damaged file dataset.ErrInput.
func ReadReplicaRun(path, settings string) (*ReplicaRun, error) {
	arrays, err := dataset.ReadArrays(path)
	if err != nil {
		return nil, err
	}
	get := func(name string) dataset.Array {
		a, found := arrays.Get(name)
		if !found {
			missing := dataset.Inputf("mcmc: the checkpoint %s has no array %q; remove the file", path, name)
			err = errors.Join(err, missing)
		}
		return a
	}
	if string(get("settings").U8) != settings {
		return nil, fmt.Errorf("%w: %s; give the same flags, or remove the file to begin anew", ErrOtherRun, path)
	}
	counts, shape, step := get("counts").I64, get("shape").I64, get("time_step").F64
	if err != nil || len(counts) != 7 || len(shape) != 2 || len(step) != 1 {
		return nil, errors.Join(err, dataset.Inputf("mcmc: the checkpoint %s is damaged; remove the file", path))
	}
	batch := func(name string) particle.Batch {
		return particle.Batch{X: get(name).F64, N: int(shape[0]), D: int(shape[1])}
	}
	r := &ReplicaRun{
		Ladders: int(counts[0]), Rungs: int(counts[1]), Round: int(counts[2]), Kept: int(counts[3]),
		Trajectories: counts[4], RoundTrips: counts[5], Evaluations: counts[6],
		TimeStep: step[0], X: batch("x"), U: get("u").F64, Samples: batch("samples"), Energies: get("energies").F64,
		Values: get("values").F64, Accepted: get("accepted").I64, Exchanged: get("exchanged").I64,
		Attempts: get("attempts").I64,
		walker:   get("walker").I64,
	}
	size := r.Ladders * r.Rungs
	fits := r.X.Len() == size && len(r.U) == size && len(r.walker) == size && len(r.Accepted) == r.Rungs &&
		r.Samples.Len() == r.Kept*r.Ladders && len(r.Energies) == r.Kept*size &&
		len(r.Exchanged) == max(0, r.Rungs-1) && len(r.Attempts) == len(r.Exchanged) &&
		len(r.Values)%max(1, r.Kept*size) == 0
	if err == nil && !fits {
		err = dataset.Inputf("mcmc: the checkpoint %s is damaged; remove the file", path)
	}
	return r, err
}
