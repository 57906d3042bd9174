package engine

import (
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// The compiled programs take as many configurations at a time as suit the memory. On a device with memory of its own, a block
// keeps the device busy and a wide field's arrays fit the memory. On the host, a wide field's arrays fit the caches.
const (
	largestBlock       = 1024
	leastBlock         = 16      // for the caches' sake; a smaller block's calls cost more than the caches give
	cacheNumbers       = 1 << 20 // in the widest array: 4 MB in float32
	memoryNumbers      = 1 << 26 // 256 MB
	largestDeviceBlock = 1 << 16
	deviceNumbers      = 1 << 27
)

// blockSize is how many configurations the compiled programs take at a time: a power of two.
func (f Flow) blockSize(probes int) int {
	if !f.Backend.HasSharedBuffers() {
		return f.halved(largestDeviceBlock, 1, deviceNumbers, probes)
	}
	return f.halved(f.halved(largestBlock, leastBlock, cacheNumbers, probes), 1, memoryNumbers, probes)
}

// halved halves a block's size until a wide field's widest array has so many numbers, or the block is the least.
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

// paddedSize is the block size for a batch of the given length. It takes few values, so that few programs are compiled.
func (f Flow) paddedSize(length, probes int) int {
	most := f.blockSize(probes)
	for _, size := range []int{leastBlock, largestBlock} {
		if length <= size {
			return min(size, most)
		}
	}
	return most
}
