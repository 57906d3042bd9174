// Package quiet silences the log of go-xla while that package initialises. Without HOME, or without
// /etc/ld.so.conf, go-xla writes lines to stderr before main begins.
//
// The package imports nothing of go-xla's, and its path sorts before the path of go-xla. Go
// therefore initialises it first; see "Package initialization" in Go's specification. Package xla,
// which is initialised after go-xla, calls Restore.
package quiet

import (
	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

func init() { klog.SetLogger(logr.Discard()) }

// Restore lets klog write again.
func Restore() { klog.ClearLogger() }
