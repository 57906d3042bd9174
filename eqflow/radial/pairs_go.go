//go:build !cgo || !amd64

package radial

// Without cgo, or on another architecture, Go does what pairs_cgo.go asks C for.

func (b *block) field(row int, y, v, div []float64) { b.fieldInGo(row, y, v, div) }

func (p *blockPull) pullField(row int, y, gv, gdiv []float64) { p.pullFieldInGo(row, y, gv, gdiv) }
