package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Blocks cover every configuration of a batch once, and report their progress.
func TestBlocksCoverTheBatchOnce(t *testing.T) {
	var reports []int
	progress := func(done int) error { reports = append(reports, done); return nil }
	visits := make([]int, 100)
	if err := forBlocks(len(visits), 16, progress, func(from, to int) error {
		for i := from; i < to; i++ {
			visits[i]++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if slices.Min(visits) != 1 || slices.Max(visits) != 1 {
		t.Errorf("configurations are visited %v times", visits)
	}
	if len(reports) != 7 || !slices.IsSorted(reports) || reports[6] != len(visits) {
		t.Errorf("the reports are %v", reports)
	}
}

// An error ends the loop over blocks.
func TestBlocksEndWithAnError(t *testing.T) {
	broken := errors.New("broken")
	visited := 0
	err := forBlocks(1000, 1, nil, func(from, _ int) error {
		visited++
		if from == 10 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || visited != 11 {
		t.Errorf("%d blocks are visited, and the error is %v", visited, err)
	}
}

// Wide fields take smaller blocks: down to 16 configurations to fit the caches, and down to one to
// fit the memory.
func TestWideFieldsTakeSmallBlocks(t *testing.T) {
	for _, c := range []struct {
		field dynamics.Config
		n, d  int
		want  int
	}{
		{dynamics.RadialBasis{}, 13, 3, 1024}, {dynamics.EGNN{}, 4, 2, 128}, {dynamics.OneHop{}, 13, 3, 32},
		{dynamics.EGNN{}, 13, 3, 16}, {dynamics.OneHop{}, 55, 3, 16}, {dynamics.EGNN{}, 55, 3, 2},
		{dynamics.EGNN{Hidden: 1 << 20}, 13, 3, 1},
	} {
		f := Flow{
			Config: flow.Continuous{Field: c.field}, System: flow.System{N: c.n, D: c.d},
			Backend: xlatest.OpenGo(t).Backend,
		}
		if got := f.blockSize(0); got != c.want {
			t.Errorf("%+v takes blocks of %d for %d particles, want %d", c.field, got, c.n, c.want)
		}
	}
}

// A batch is padded to less than four times its length, in one of few sizes.
func TestPaddedSize(t *testing.T) {
	f := Flow{
		Config: flow.Continuous{Field: dynamics.RadialBasis{}}, System: flow.System{N: 4, D: 2},
		Backend: xlatest.OpenGo(t).Backend,
	}
	for length, want := range map[int]int{
		1: 16, 16: 16, 17: 64, 64: 64, 65: 256, 256: 256, 257: 1024, 1024: 1024, 1025: 1024, 1 << 20: 1024,
	} {
		if got := f.paddedSize(length, 0); got != want {
			t.Errorf("a batch of %d is padded to %d, want %d", length, got, want)
		}
	}
}
