// Package magics holds the actions of the lines "%eqflow …" in a notebook of the eqflow kernel: the
// backend and the devices (backend.go), the models (models.go), films of chains (film.go), and the
// files to clean (clean.go).
package magics

import (
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

// All returns the kernel's magics. binary is the eqflow program, which inspects backends in a
// process of its own. cache is eqflow's folder in the user's cache.
func All(binary, cache string) []serve.Magic {
	return []serve.Magic{
		{Name: "backend", Usage: "[auto|cpu|cuda|go] [auto|graph|host]", Run: backend(binary),
			Help:     "the backend that computes, and why; or the backend for the next cells",
			Complete: func([]string) []string { return []string{xla.Auto, xla.CPU, xla.CUDA, xla.Go} }},
		{Name: "gpu", Run: gpu, Beside: true, Help: "NVIDIA devices and their memory"},
		{Name: "models", Run: models, Beside: true, Help: "the trained models below this folder"},
		{Name: "show", Usage: "MODEL", Run: show, Beside: true,
			Help:     "a model's card: settings, evaluation, learning curve, samples",
			Complete: func([]string) []string { return resident.Models() }},
		{Name: "film", Usage: "SYSTEM [SEED]", Run: film, Beside: true,
			Help:     "a Markov chain of a system, such as dw4 or lj13, as a film",
			Complete: func([]string) []string { return []string{"dw4", "lj13", "lj55"} }},
		{Name: "clean", Usage: "[SESSION] [--yes]", Run: clean(cache),
			Help:     "eqflow's files in the user's cache and in sessions; --yes removes them",
			Complete: func([]string) []string { return append(sessions(), "--yes") }},
	}
}
