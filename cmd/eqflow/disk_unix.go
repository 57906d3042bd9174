//go:build linux || darwin

package main

import "golang.org/x/sys/unix"

// freeDisk is the room in bytes that a folder's file system has for the user.
func freeDisk(folder string) (float64, bool) {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return 0, false
	}
	return float64(disk.Bavail) * float64(disk.Bsize), true
}
