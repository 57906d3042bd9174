package figure

import (
	"bytes"
	"image"
	"image/color"
	"slices"
)

// quantize maps frames to one palette of their most common colours, at most 256. Other colours are
// mapped to the nearest of these. Files become a third as large, and only shades of antialiased
// edges are lost.
func quantize(colors int, frames ...*image.RGBA) []*image.Paletted {
	count := countColors(frames)
	common := make([]color.RGBA, 0, len(count))
	for c := range count {
		common = append(common, c)
	}
	slices.SortFunc(common, func(a, b color.RGBA) int {
		if d := count[b] - count[a]; d != 0 {
			return d
		}
		return bytes.Compare([]byte{a.R, a.G, a.B, a.A}, []byte{b.R, b.G, b.B, b.A})
	})
	table := choosePalette(common, colors)
	index := map[color.RGBA]uint8{}
	for _, c := range common {
		index[c] = uint8(table.Index(c))
	}
	out := make([]*image.Paletted, len(frames))
	for k, f := range frames {
		out[k] = image.NewPaletted(f.Rect, table)
		var last color.RGBA
		code := index[last]
		for i := range out[k].Pix {
			if c := pixel(f, i); c != last {
				last, code = c, index[c]
			}
			out[k].Pix[i] = code
		}
	}
	return out
}

// choosePalette returns the most common colours. Colours close to a chosen colour are added only if
// there is room left. Otherwise the edges of text would displace the rare shades of a smooth scale.
func choosePalette(common []color.RGBA, colors int) color.Palette {
	// The palette always has 256 entries, so that every frame has 8 bits per pixel.
	table := make(color.Palette, 0, 256)
	chosen := map[color.RGBA]bool{}
	for _, apart := range []int{100, 40, 10, 1} {
		for _, c := range common {
			if len(table) < colors && !chosen[c] && isFarFromAll(table, c, apart) {
				table = append(table, c)
				chosen[c] = true
			}
		}
	}
	for len(table) < 256 {
		table = append(table, table[0])
	}
	return table
}

// isFarFromAll reports whether the squared distance of a colour from every colour of the table is
// at least apart.
func isFarFromAll(table color.Palette, c color.RGBA, apart int) bool {
	for _, other := range table {
		o := other.(color.RGBA)
		r, g, b, a := int(c.R)-int(o.R), int(c.G)-int(o.G), int(c.B)-int(o.B), int(c.A)-int(o.A)
		if r*r+g*g+b*b+a*a < apart {
			return false
		}
	}
	return true
}

// countColors counts the pixels of every colour. It adds up runs of equal pixels, since most
// neighbours are equal.
func countColors(frames []*image.RGBA) map[color.RGBA]int {
	count := map[color.RGBA]int{}
	for _, f := range frames {
		last, length := pixel(f, 0), 0
		for i := range len(f.Pix) / 4 {
			c := pixel(f, i)
			if c != last {
				count[last] += length
				last, length = c, 0
			}
			length++
		}
		count[last] += length
	}
	return count
}

// pixel returns the i-th pixel of a picture.
func pixel(f *image.RGBA, i int) color.RGBA {
	return color.RGBA{f.Pix[4*i], f.Pix[4*i+1], f.Pix[4*i+2], f.Pix[4*i+3]}
}
