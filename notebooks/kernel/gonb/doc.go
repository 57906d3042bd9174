// Package gonb runs GoNB, the Jupyter kernel for Go that executes all cells. BuildToolchain
// compiles GoNB at the version that go.mod pins (toolchain.go). A Kernel is one GoNB process on
// private sockets (kernel.go), in an environment that the user's shell does not change
// (environment.go). A Client sends it cells and receives what the cells publish (client.go), in
// Jupyter's own messages (wire.go). Complete keeps requests from GoNB at which GoNB would end
// (requests.go, defuse.go). A kernel and everything that it started end with this process, however
// this process ends, and a kernel that ends by itself tells why (lifetime.go).
package gonb
