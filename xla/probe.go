package xla

import "fmt"

// Candidate is a backend that Open may choose, as Probe finds it.
type Candidate struct {
	Kind    string   `json:"kind"`
	Path    string   `json:"path"`    // of the plugin; empty for the Go backend and where none was found
	Source  string   `json:"source"`  // what led to the path
	Version string   `json:"pjrt"`    // version of the plugin's PJRT interface, empty where it was not loaded
	Devices []string `json:"devices"` // as the plugin describes them
	Usable  bool     `json:"usable"`
	Why     string   `json:"why"` // why not, and what to do; empty where it is usable
}

// Probe opens every backend that can be found, best first, and reports what it found.
//
// There is at least one candidate per kind; where no plugin of a kind was found, its Why says where it was looked for.
// Like Open it never downloads, and it leaves CUDA plugins alone where there is no device.
func Probe() []Candidate {
	var out []Candidate
	for _, kind := range []string{CUDA, CPU} {
		out = append(out, probeKind(kind)...)
	}
	return append(out, probeGo())
}

func probeKind(kind string) []Candidate {
	plugins, looked := search(kind)
	if len(plugins) == 0 {
		missing := &missingError{kind: kind, looked: looked, obstacle: obstacle(kind)}
		return []Candidate{{Kind: kind, Devices: []string{}, Why: missing.Error()}}
	}
	var out []Candidate
	for _, p := range plugins {
		c := Candidate{Kind: kind, Path: p.path, Source: p.source, Devices: []string{}, Why: obstacle(kind)}
		if c.Why == "" {
			c.open()
		}
		out = append(out, c)
	}
	return out
}

// obstacle says why no plugin of a kind can work here, "" where one may.
func obstacle(kind string) string {
	if !builtWithCgo {
		return noCgo
	}
	if kind == CUDA {
		return cudaObstacle()
	}
	return ""
}

func (c *Candidate) open() {
	o, err := openPlugin(c.Path, c.Kind, 1)
	if err != nil {
		c.Why = fmt.Sprintf("%s; `%s` brings one that works", firstLine(err), installCommand(c.Kind))
		return
	}
	defer o.Close()
	c.Version, c.Devices, c.Usable = o.Version, deviceNames(o.Backend), true
}

func probeGo() Candidate {
	c := Candidate{Kind: Go, Source: "built in", Devices: []string{}}
	o, err := openGo("")
	if err != nil {
		c.Why = err.Error()
		return c
	}
	defer o.Close()
	c.Devices, c.Usable = []string{fmt.Sprintf("%s, without loops", o.Backend.Name())}, true
	return c
}
