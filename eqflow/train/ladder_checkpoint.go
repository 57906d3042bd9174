package train

import (
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The arrays of a ladder in a checkpoint: the draws of all rungs, and the sample in which the
// present rung has resampled them.
const (
	ladderArrays = "annealed/"
	drawsX       = ladderArrays + "x"
	drawsSlopes  = ladderArrays + "slopes"
	drawsU       = ladderArrays + "u"
	drawsLogQ    = ladderArrays + "log_q"
	learnedX     = ladderArrays + "learned_x"
	learnedSlope = ladderArrays + "learned_slopes"
)

// isVariable reports whether an array of a file is a variable of the model.
func isVariable(name string) bool {
	return name != manifestArray && !strings.HasPrefix(name, ladderArrays)
}

// arrays returns the ladder's part of a checkpoint. It is empty for other objectives.
func (l *ladder) arrays() dataset.Arrays {
	if l == nil || len(l.sets) == 0 {
		return nil
	}
	var x, slopes, u, logQ []float64
	for _, set := range l.sets {
		x, slopes = append(x, set.x.X...), append(slopes, set.slopes.X...)
		u, logQ = append(u, set.u...), append(logQ, set.logQ...)
	}
	return dataset.Arrays{
		dataset.Float64(drawsX, x), dataset.Float64(drawsSlopes, slopes),
		dataset.Float64(drawsU, u), dataset.Float64(drawsLogQ, logQ),
		dataset.Float64(learnedX, l.feed.data.X), dataset.Float64(learnedSlope, l.feed.slopes.X),
	}
}

// restore sets the ladder to the state in a checkpoint. The history must be restored already.
func (l *ladder) restore(arrays dataset.Arrays) error {
	rungs := len(l.history.Rungs)
	if rungs == 0 {
		return nil
	}
	values := map[string][]float64{}
	for _, name := range []string{drawsX, drawsSlopes, drawsU, drawsLogQ, learnedX, learnedSlope} {
		a, _ := arrays.Get(name)
		values[name] = a.F64
	}
	n, d := l.Density.Prior.N, l.Density.Prior.D
	sets := rungs
	if l.AtTarget {
		sets = 1
	}
	width, count := n*d, sets*l.Draws
	if len(values[drawsX]) != count*width || len(values[drawsSlopes]) != count*width ||
		len(values[drawsU]) != count || len(values[drawsLogQ]) != count ||
		len(values[learnedX])%width != 0 || len(values[learnedSlope]) != len(values[learnedX]) {
		return dataset.Inputf("eqflow: the model is damaged: the checkpoint's draws are not %d sets of %d; "+
			"remove it to train from the beginning", sets, l.Draws)
	}
	batch := func(name string) particle.Batch { return particle.Batch{X: values[name], N: n, D: d} }
	for k := range sets {
		from, to := k*l.Draws, (k+1)*l.Draws
		set := rungDraws{
			x: batch(drawsX).Slice(from, to), slopes: batch(drawsSlopes).Slice(from, to),
			squares: make([]float64, l.Draws), u: values[drawsU][from:to], logQ: values[drawsLogQ][from:to],
		}
		for i := range set.squares {
			set.squares[i] = squaredNorm(set.x.At(i))
		}
		l.sets = append(l.sets, set)
	}
	l.feed.spread = l.history.Spread
	l.feed.setData(l.history.Rungs[rungs-1].Step, batch(learnedX), batch(learnedSlope))
	return nil
}
