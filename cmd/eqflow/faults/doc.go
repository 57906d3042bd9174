// Package faults runs the program of the folder above under faults: system calls that fail, kills,
// signals, and too little disk, memory or open files. After each fault the same command runs again,
// and must end in the state of a run without faults. The suite is behind the build tag faults:
//
//	go test -tags faults -timeout 30m ./cmd/eqflow/faults
//
// eqflow/RELIABILITY.md has what it found.
package faults
