package xla

import "fmt"

// Candidate is a backend that Open may choose, as Probe found it.
type Candidate struct {
	Kind    string   `json:"kind"`
	Path    string   `json:"path"`    // path of the plugin; empty for the Go backend and if none was found
	Source  string   `json:"source"`  // where the path comes from
	Version string   `json:"pjrt"`    // version of the plugin's PJRT interface; empty if it was not loaded
	Devices []string `json:"devices"` // as the plugin describes them
	Usable  bool     `json:"usable"`
	Why     string   `json:"why"` // why it is not usable, and what to do; empty if it is usable
}

// Probe opens every backend that it can find and reports on each, best first.
//
// There is at least one candidate of each kind. If no plugin of a kind was found, Why says where
// Probe searched. Like Open, Probe never downloads, and it loads no CUDA plugin if there is no
// device.
func Probe() []Candidate {
	var out []Candidate
	for _, kind := range []string{CUDA, CPU} {
		out = append(out, probeKind(kind)...)
	}
	return append(out, probeGo())
}

func probeKind(kind string) []Candidate {
	plugins, searched := search(kind)
	if len(plugins) == 0 {
		missing := &missingError{kind: kind, searched: searched, obstacle: obstacle(kind)}
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

// obstacle returns the reason why no plugin of a kind can work here, or "" if one may work.
func obstacle(kind string) string {
	if !builtWithCgo {
		return noCgo
	}
	if kind == CUDA {
		return cudaObstacle()
	}
	return ""
}

// open opens the candidate's plugin and fills in the result.
func (c *Candidate) open() {
	o, err := openPlugin(c.Path, c.Kind, 1)
	if err != nil {
		c.Why = fmt.Sprintf("%s; `%s` installs one that works", firstLine(err), installCommand(c.Kind))
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
