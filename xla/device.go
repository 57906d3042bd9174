package xla

import (
	"os"
	"path/filepath"
)

// devicePatterns match the files by which Linux, or WSL (the last), shows an NVIDIA device.
var devicePatterns = []string{"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/dxg"}

// cudaObstacle returns the reason why CUDA cannot work on this machine, or "" if it may work.
//
// Callers ask it before they load a CUDA plugin: loading takes seconds, and prints warnings on a
// machine without a device.
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
