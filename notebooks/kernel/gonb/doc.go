// Package gonb runs GoNB, the Jupyter kernel for Go that everything here stands on: BuildToolchain compiles it from the versions
// that go.mod pins, an Engine is one process of it on private sockets, and a Session sends it cells and hears what they publish.
// Messages are Jupyter's own (wire.go). Nothing that an engine started outlives this process, however it ends (process_unix.go).
package gonb
