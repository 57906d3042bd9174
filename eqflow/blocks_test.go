package eqflow

import (
	"context"
	"errors"
	"slices"
	"testing"
)

// Blocks cover a batch once, and the watch hears how far they are.
func TestBlocksCoverTheBatchOnce(t *testing.T) {
	m := harmonicModel(t, 1)
	var heard []int
	m.Watch(context.Background(), func(done, _ int) { heard = append(heard, done) })
	done := make([]int, 100)
	if err := m.inBlocks("counting", len(done), 16, func(from, to int) error {
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
	m, broken := harmonicModel(t, 1), errors.New("broken")
	taken := 0
	err := m.inBlocks("breaking", 1000, 1, func(from, _ int) error {
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
