package figure

import (
	"image"
	"image/color"
	"math"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// luminance returns the relative luminance of a colour over an opaque ground, as the contrast of
// the Web Content Accessibility Guidelines defines it.
func luminance(c, ground color.Color) float64 {
	r, g, b, a := c.RGBA()
	gr, gg, gb, _ := ground.RGBA()
	linear := func(v, under uint32) float64 {
		s := (float64(v) + float64(under)*float64(0xFFFF-a)/0xFFFF) / 0xFFFF
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r, gr) + 0.7152*linear(g, gg) + 0.0722*linear(b, gb)
}

// dark is the ground of JupyterLab's dark theme.
var dark = color.NRGBA{0x11, 0x11, 0x11, 0xFF}

func contrast(c, ground color.Color) float64 {
	a, b := luminance(c, ground)+0.05, luminance(ground, ground)+0.05
	return math.Max(a, b) / math.Min(a, b)
}

// Text is readable on the ground of either theme, and every series can be seen. No colour has more
// contrast than 4.34 with the one that it has more of.
func TestColoursSuitBothThemes(t *testing.T) {
	for _, ground := range []color.Color{white, dark} {
		if c := contrast(ink, ground); c < 4.2 {
			t.Errorf("text on %v has the contrast %.2f", ground, c)
		}
		for i, series := range palette {
			if c := contrast(series, ground); c < 2 {
				t.Errorf("series %d on %v has the contrast %.2f", i, ground, c)
			}
		}
		for _, pale := range []color.Color{gridInk, backing} {
			if c := contrast(pale, ground); c < 1.05 || c > 1.7 {
				t.Errorf("%v on %v has the contrast %.2f", pale, ground, c)
			}
		}
	}
}

// The ground of every picture is transparent, so that no slab of white appears on the dark theme.
func TestGroundIsTransparent(t *testing.T) {
	for name, f := range everyKind() {
		img := decode(t, f)
		b := img.Bounds()
		for _, at := range []image.Point{b.Min, {b.Max.X - 1, 0}, {0, b.Max.Y - 1}, {b.Max.X - 1, b.Max.Y - 1}} {
			if _, _, _, a := img.At(at.X, at.Y).RGBA(); a != 0 {
				t.Errorf("%s: the corner %v is not transparent", name, at)
			}
		}
		bright, paletted := 0, img.(*image.Paletted)
		count := map[uint8]int{}
		for _, index := range paletted.Pix {
			count[index]++
		}
		for index, n := range count {
			if luminance(paletted.Palette[index], dark) > 0.7 {
				bright += n
			}
		}
		// The numbers on particles are white, and the top of viridis is yellow.
		if share := float64(bright) / float64(b.Dx()*b.Dy()); share > 0.01 && name != "heat" && name != "density" {
			t.Errorf("%s: %.1f %% of the picture are bright on a dark ground", name, 100*share)
		}
	}
}

// A distant disc hides what lies behind it, although it is translucent.
func TestErasingAndFading(t *testing.T) {
	f := Axes{Width: 100, Height: 100}.figure(func(c draw.Canvas) {
		fill(c, c.Rectangle, black)
		middle := vg.Point{X: 50 * px, Y: 50 * px}
		replace(c, middle, 20*px, translucent(Color(0), 0.5))
		fade(c, vg.Rectangle{Min: vg.Point{X: 10 * px, Y: 80 * px}, Max: vg.Point{X: 30 * px, Y: 90 * px}}, 0.2)
	})
	img := f.image(192)
	for at, want := range map[image.Point]uint8{
		{100, 100}: 128, {100, 64}: 128, {100, 56}: 255, {40, 30}: 51, {40, 50}: 255,
	} {
		if got := img.RGBAAt(at.X, at.Y).A; got != want {
			t.Errorf("at %v the picture covers %d of 255, want %d", at, got, want)
		}
	}
}
