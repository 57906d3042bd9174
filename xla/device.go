package xla

import (
	"os"
	"path/filepath"
)

// devicePatterns are the files by which a Linux kernel shows an NVIDIA device; the last one is that of WSL.
var devicePatterns = []string{"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/dxg"}

// cudaObstacle says why CUDA cannot work here, "" where it may.
//
// It comes before any CUDA plugin is loaded: that takes seconds, and prints warnings on a machine without a device.
func cudaObstacle() string {
	if visible, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set && (visible == "" || visible == "-1") {
		return "CUDA_VISIBLE_DEVICES hides all devices"
	}
	for _, pattern := range devicePatterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return ""
		}
	}
	return "no NVIDIA device on this machine"
}
