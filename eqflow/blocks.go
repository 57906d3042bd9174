package eqflow

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// The compiled programs take as many configurations at a time as fit the block: so many that a device with memory of its own is kept busy
// and the memory holds a wide field's arrays, and on the host so many that the processor's caches hold them.
const (
	largestBlock       = 1024
	leastBlock         = 16      // for the caches' sake; below it a program's calls cost more than they give
	cacheNumbers       = 1 << 20 // in the widest array: 4 MB in float32
	memoryNumbers      = 1 << 26 // 256 MB
	largestDeviceBlock = 1 << 16
	deviceNumbers      = 1 << 27
)

// onHost tells whether the backend computes in the host's own memory, with its processors.
func (m *Model) onHost() bool { return m.backend.HasSharedBuffers() }

// blockSize is how many configurations the compiled programs take at a time: a power of two.
func (m *Model) blockSize() int {
	if !m.onHost() {
		return m.halved(largestDeviceBlock, 1, deviceNumbers)
	}
	return m.halved(m.halved(largestBlock, leastBlock, cacheNumbers), 1, memoryNumbers)
}

// halved is a block's size, halved until a wide field's widest array has so many numbers or the block is the least.
func (m *Model) halved(size, least, numbers int) int {
	f, ok := m.Flow.(flow.Continuous)
	if !ok {
		return size
	}
	if wide, ok := f.Field.(dynamics.Wide); ok {
		for size > least && size*wide.Widest(m.Prior.N, m.Prior.D, m.estimate.Probes) > numbers {
			size /= 2
		}
	}
	return size
}

// paddedSize is the block size for a batch of the given length: few sizes, so that few programs are compiled.
func (m *Model) paddedSize(length int) int {
	most := m.blockSize()
	for _, size := range []int{leastBlock, largestBlock} {
		if length <= size {
			return min(size, most)
		}
	}
	return most
}

// inBlocks does something to configurations from … to, block by block of the given size, and reports to the watch how far it is.
func (m *Model) inBlocks(what string, length, size int, do func(from, to int) error) error {
	for from := 0; from < length; from += size {
		to := min(from+size, length)
		if err := do(from, to); err != nil {
			return err
		}
		if err := m.passed(what, to, length); err != nil {
			return err
		}
	}
	return nil
}

// passed tells the watch how far a computation is, and returns an error if it is to end.
func (m *Model) passed(what string, done, total int) error {
	if m.watch == nil {
		return nil
	}
	if err := m.watch(done, total); err != nil {
		return fmt.Errorf("eqflow: %s stopped after %d of %d configurations: %w", what, done, total, err)
	}
	return nil
}
