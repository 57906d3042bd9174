package bench

import (
	"context"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// startTraining starts a training run that waits before every step. It returns a function that lets
// one step happen and returns the step's loss.
func startTraining(
	ctx context.Context, model *eqflow.Model, x particle.Batch, s train.Settings,
) (step func() (float64, error)) {
	proceed, losses, ended := make(chan struct{}), make(chan float64), make(chan error, 1)
	wait := func() {
		select {
		case <-proceed:
		case <-ctx.Done():
		}
	}
	go func() {
		wait()
		_, err := model.Train(ctx, train.Data{Train: x}, train.Run{Settings: s, Report: func(p train.Progress) {
			select {
			case losses <- p.StepLoss:
				wait()
			case <-ctx.Done():
			}
		}})
		ended <- err
	}()
	return func() (float64, error) {
		select {
		case proceed <- struct{}{}:
		case err := <-ended:
			return 0, err
		}
		select {
		case loss := <-losses:
			return loss, nil
		case err := <-ended:
			return 0, err
		}
	}
}
