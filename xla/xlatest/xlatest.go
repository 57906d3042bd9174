// Package xlatest opens backends for tests: XLA on the CPU where its plugin is installed, and the
// Go backend.
package xlatest

import (
	"os"
	"sync"
	"testing"

	"github.com/eqflow/gonb-eqflow/xla"
)

// Require names the environment variable that, set to "1", makes a missing XLA plugin fail a test.
// Otherwise the test is skipped.
const Require = "EQFLOW_REQUIRE_XLA"

var (
	openCPU = sync.OnceValues(func() (*xla.Opened, error) { return xla.Open(xla.CPU) })
	openGo  = sync.OnceValues(func() (*xla.Opened, error) { return xla.Open(xla.Go) })
)

// Open returns XLA on the CPU. All tests of the process share one client, which no test may close.
//
// Without a plugin it skips the test and says how to install the plugin; if EQFLOW_REQUIRE_XLA is
// 1, it fails the test.
func Open(t testing.TB) *xla.Opened {
	t.Helper()
	o, err := openCPU()
	switch {
	case err == nil:
		return o
	case os.Getenv(Require) == "1":
		t.Fatalf("%s=1 and XLA CPU is missing: %v", Require, err)
	default:
		t.Skipf("needs XLA CPU: %v", err)
	}
	return nil
}

// OpenGo returns the Go backend, which all tests of the process share.
func OpenGo(t testing.TB) *xla.Opened {
	t.Helper()
	o, err := openGo()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Each runs the test on the Go backend and on XLA CPU, as two subtests. The latter is skipped if
// the plugin is missing.
func Each(t *testing.T, test func(t *testing.T, backend *xla.Opened)) {
	t.Helper()
	t.Run(xla.Go, func(t *testing.T) { test(t, OpenGo(t)) })
	t.Run(xla.CPU, func(t *testing.T) { test(t, Open(t)) })
}
