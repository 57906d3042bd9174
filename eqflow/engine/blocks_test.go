package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Blocks cover a batch once, and the watch hears how far they are.
func TestBlocksCoverTheBatchOnce(t *testing.T) {
	var heard []int
	progress := func(done int) error { heard = append(heard, done); return nil }
	done := make([]int, 100)
	if err := inBlocks(len(done), 16, progress, func(from, to int) error {
		for i := from; i < to; i++ {
			done[i]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if slices.Min(done) != 1 || slices.Max(done) != 1 {
		t.Errorf("configurations are taken %v times", done)
	}
	if len(heard) != 7 || !slices.IsSorted(heard) || heard[6] != len(done) {
		t.Errorf("the watch heard %v", heard)
	}
}

// An error ends the blocks.
func TestBlocksEndWithAnError(t *testing.T) {
	broken := errors.New("broken")
	taken := 0
	err := inBlocks(1000, 1, nil, func(from, _ int) error {
		taken++
		if from == 10 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || taken != 11 {
		t.Errorf("%d blocks are taken, and the error is %v", taken, err)
	}
}

// Wide fields take smaller blocks, for the caches' sake and, under 16, for the memory's; one configuration is the least.
func TestWideFieldsTakeSmallBlocks(t *testing.T) {
	for _, c := range []struct {
		field dynamics.Config
		n, d  int
		want  int
	}{
		{dynamics.RadialBasis{}, 13, 3, 1024}, {dynamics.EGNN{}, 4, 2, 128}, {dynamics.OneHop{}, 13, 3, 32},
		{dynamics.EGNN{}, 13, 3, 16}, {dynamics.OneHop{}, 55, 3, 16}, {dynamics.EGNN{}, 55, 3, 2}, {dynamics.EGNN{Hidden: 1 << 20}, 13, 3, 1},
	} {
		f := Flow{
			Config: flow.Continuous{Field: c.field}, System: flow.System{N: c.n, D: c.d}, Backend: xlatest.OpenGo(t).Backend,
		}
		if got := f.blockSize(0); got != c.want {
			t.Errorf("%+v takes blocks of %d for %d particles, want %d", c.field, got, c.n, c.want)
		}
	}
}
