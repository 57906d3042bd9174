package bench

import (
	"context"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// startTraining begins a run that waits before every step; what it returns lets one step happen and returns its loss.
func startTraining(ctx context.Context, model *eqflow.Model, x particle.Batch, s train.Settings) func() (float64, error) {
	proceed, losses, ended := make(chan struct{}), make(chan float64), make(chan error, 1)
	waiting := func() {
		select {
		case <-proceed:
		case <-ctx.Done():
		}
	}
	go func() {
		waiting()
		_, err := model.Train(ctx, train.Data{Train: x}, train.Run{Settings: s, Report: func(p train.Progress) {
			select {
			case losses <- p.StepLoss:
				waiting()
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
