package engine

import (
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// A compiled program computes one block of configurations at a time. On a device with memory of its
// own, the largest block keeps the device busy, and a wide field's arrays must fit the memory. On
// the host, a wide field's arrays should fit the caches.
const (
	largestBlock       = 1024
	leastBlock         = 16      // a smaller block costs more in calls than it gains from the caches
	cacheNumbers       = 1 << 20 // in the widest array: 4 MB in float32
	memoryNumbers      = 1 << 26 // 256 MB
	largestDeviceBlock = 1 << 16
	deviceNumbers      = 1 << 27
)

// blockSize returns the number of configurations that a compiled program computes at a time. It is
// a power of two.
func (f Flow) blockSize(probes int) int {
	if !f.Backend.HasSharedBuffers() {
		return f.halved(largestDeviceBlock, 1, deviceNumbers, probes)
	}
	return f.halved(f.halved(largestBlock, leastBlock, cacheNumbers, probes), 1, memoryNumbers, probes)
}

// halved halves a block's size until a wide field's widest array has at most the given number of
// numbers, or until the size is least.
func (f Flow) halved(size, least, numbers, probes int) int {
	c, ok := f.Config.(flow.Continuous)
	if !ok {
		return size
	}
	if wide, ok := c.Field.(dynamics.Wide); ok {
		for size > least && size*wide.Widest(f.System.N, f.System.D, probes) > numbers {
			size /= 2
		}
	}
	return size
}

// paddedSize returns the block size for a batch of the given length: the batch, padded to at most
// four times its length. It takes few values, so that few programs are compiled.
func (f Flow) paddedSize(length, probes int) int {
	most := f.blockSize(probes)
	for size := leastBlock; size <= largestBlock; size *= 4 {
		if length <= size {
			return min(size, most)
		}
	}
	return most
}
