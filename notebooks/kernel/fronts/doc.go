// Package fronts tries the kernel in Jupyter's front ends that need no browser, and with Jupyter's
// own tests of kernels: `go test -tags fronts -timeout 30m ./notebooks/kernel/fronts`. Python and
// pip's index are needed. The table of the front ends in notebooks/README.md is this test's; with
// EQFLOW_WRITE=1 the test writes it. JupyterLab and Notebook 7 are tried in
// notebooks/kernel/browser.
package fronts
