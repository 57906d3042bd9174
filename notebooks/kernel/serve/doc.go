// Package serve is the kernel "eqflow (Go)" that Jupyter starts. Installation writes the kernelspec
// that tells Jupyter about the kernel (kernelspec.go) and an extension of JupyterLab that shows
// running cells again (labextension.go), and Find looks at what is installed (installed.go). Run
// starts a GoNB of its own (run.go) and prepares it for cells (prepare.go). Between Jupyter's
// sockets (front.go) and GoNB stands a proxy (proxy.go): it passes messages on, answers some
// requests itself (requests.go), and adds the magics (magic.go) and their completion (complete.go).
// Every local user can connect to Jupyter's sockets, so only messages with a right
// signature that are new are admitted (admission.go), and GoNB sees no request that it would end at
// (gonb.Complete).
// Cells whose values live on are run by package live (living.go) one after the other (queue.go),
// with their outputs and errors (shown.go), input (stdin.go), widgets (bridge.go)
// and magics of their own (values.go, keep.go). Beside the running cell the kernel answers
// questions about code (query.go) and about itself (answers.go), runs the magics of subshells
// (subshell.go), and shows again what cells have published (transcript.go, output.go).
package serve
