package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// trainWhole is eqflow's side of a race: it runs Model.Train in a folder and copies the
// checkpoints.
func trainWhole(ctx context.Context, backend *xla.Opened, r request, given problem) (answer, error) {
	var out answer
	what := r.Training
	model, err := newModel(backend, r.Flow, uint64(what.Seed), r.Engine)
	if err != nil {
		return out, err
	}
	work := filepath.Join(what.Folder, "work")
	s := Race{Flow: r.Flow, Recipe: Recipe{what.Optimizer, what.Steps, what.Every}}.settings()
	s.Seed, s.CheckpointEvery = uint64(what.Seed), what.Every
	var looks []Look
	var failed error
	copyCheckpoint := func(step int) {
		path := filepath.Join(what.Folder, fmt.Sprintf("%d.npz", step))
		failed = copyFile(path, filepath.Join(work, "checkpoint.npz"))
		out.Snapshots = append(out.Snapshots, snapshot{looks[len(looks)-1], path})
	}
	data := particle.Batch{X: given.values("data"), N: given.n, D: given.d}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report := func(p train.Progress) {
		if p.Step%what.Every == 1 && len(looks) > 0 {
			if copyCheckpoint(p.Step - 1); failed != nil {
				cancel()
			}
		}
		if p.Step%what.Every == 0 || p.Step == p.Steps {
			elapsed := float64(time.Now().UnixNano())/1e9 - what.Begun
			looks = append(looks, Look{Step: p.Step, Seconds: elapsed, CPU: processorTime().Seconds()})
		}
	}
	run := train.Run{Settings: s, Folder: work, Report: report}
	_, err = model.Train(ctx, train.Data{Train: data}, run)
	if failed != nil || err != nil {
		return out, fmt.Errorf("bench: the training run failed: %w %w", err, failed)
	}
	final, err := model.Export()
	if err != nil {
		return out, err
	}
	path := filepath.Join(what.Folder, "final.npz")
	out.Snapshots = append(out.Snapshots, snapshot{looks[len(looks)-1], path})
	return out, dataset.WriteArrays(path, final, true)
}

func copyFile(to, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
