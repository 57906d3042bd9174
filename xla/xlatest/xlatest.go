// Package xlatest opens backends for tests: XLA on the CPU where its plugin is installed, and the Go backend.
package xlatest

import (
	"os"
	"sync"
	"testing"

	"github.com/eqflow/gonb-eqflow/xla"
)

// Require is the environment variable that makes a missing XLA plugin a failure rather than a skipped test, where it is "1".
const Require = "EQFLOW_REQUIRE_XLA"

var (
	openCPU = sync.OnceValues(func() (*xla.Opened, error) { return xla.Open(xla.CPU) })
	openGo  = sync.OnceValues(func() (*xla.Opened, error) { return xla.Open(xla.Go) })
)

// Open returns XLA on the CPU, one client for all tests of the process, which no test may close.
//
// Without a plugin the test is skipped, saying how to install it; it fails where EQFLOW_REQUIRE_XLA is 1.
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

// OpenGo returns the Go backend, one for all tests of the process.
func OpenGo(t testing.TB) *xla.Opened {
	t.Helper()
	o, err := openGo()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Each runs a subtest on the Go backend and one on XLA CPU, which is skipped where the plugin is missing.
func Each(t *testing.T, test func(t *testing.T, backend *xla.Opened)) {
	t.Helper()
	t.Run(xla.Go, func(t *testing.T) { test(t, OpenGo(t)) })
	t.Run(xla.CPU, func(t *testing.T) { test(t, Open(t)) })
}
