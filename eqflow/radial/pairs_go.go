//go:build !cgo || !amd64

package radial

// Without cgo, and on other architectures, plain Go takes the place of pairs.c.

func (b *block) field(row int, y, v, div []float64) { b.fieldInGo(row, y, v, div) }

func (p *blockPull) pullField(row int, y, gv, gdiv []float64) { p.pullFieldInGo(row, y, gv, gdiv) }
