package figure

import (
	"cmp"
	"fmt"
	"image"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

const (
	maxFilmBytes = 600_000
	filmPanel    = 220 * px // the largest side of a panel, if there are several
)

// filmQualities are resolutions in dots per inch and numbers of colours, best first.
var filmQualities = []struct{ resolution, colors int }{{144, 256}, {96, 24}}

// Film draws frames of configurations as an animated PNG that repeats after the given number of
// seconds (0 means 6). All frames show the same configurations in the same panels, at the same
// scale. subtitles, one per frame or nil, appear under the panels, for example the flow time.
func Film(g Gallery, seconds float64, subtitles []string, frames ...particle.Batch) Figure {
	if len(frames) == 0 {
		return failed(g.name(), "no frames; give at least one")
	}
	if subtitles != nil && len(subtitles) != len(frames) {
		return failed(g.name(), "%d subtitles for %d frames; give one for each", len(subtitles), len(frames))
	}
	all := particle.Batch{N: frames[0].N, D: frames[0].D}
	for k, f := range frames {
		if f.N != all.N || f.D != all.D || f.Len() != frames[0].Len() {
			return failed(g.name(), "frame %d has %d × [%d, %d], frame 0 has %d × [%d, %d]; give all frames one shape",
				k, f.Len(), f.N, f.D, frames[0].Len(), all.N, all.D)
		}
		if err := g.check(f); err != nil {
			return failed(g.name(), "frame %d: %w", k, err)
		}
		all.X = append(all.X, f.X...)
	}
	scale := g.withDefaults(all)
	g.Radius, g.Extent = g.withDefaults(frames[len(frames)-1]).Radius, scale.Extent
	if seconds == 0 {
		seconds = 6
	}
	delay := int(math.Max(20, math.Min(60_000, 1000*seconds/float64(len(frames)))))
	film, err := g.encode(delay, subtitles, frames)
	if err != nil {
		return failed(g.name(), "%w", err)
	}
	width, height := g.withDefaults(frames[0]).frameSize(frames[0].Len(), subtitles != nil)
	return Figure{Name: g.name(), width: width, height: height, film: film}
}

// ChainFilm draws the configurations of one Markov chain, in order of time, as a film that repeats
// after eight seconds. thin is the number of steps from one configuration to the next. u are their
// energies in kT, or nil. The first configuration is at step thin.
func ChainFilm(title string, x particle.Batch, u []float64, thin int) Figure {
	g := Gallery{Title: title, Name: cmp.Or(title, "chain")}
	if err := g.check(x); err != nil {
		return failed(g.name(), "%w", err)
	}
	if u != nil && len(u) != x.Len() {
		return failed(g.name(), "%d energies for %d configurations; give one for each", len(u), x.Len())
	}
	g.Bond = bondLength(x)
	frames, subtitles := make([]particle.Batch, x.Len()), make([]string, x.Len())
	for k := range frames {
		frames[k], subtitles[k] = x.Slice(k, k+1), fmt.Sprintf("step %d", (k+1)*thin)
		if u != nil {
			subtitles[k] += withMinusSign(fmt.Sprintf(",  u = %.1f kT", u[k]))
		}
	}
	const seconds = 8
	return Film(g, seconds, subtitles, frames...)
}

// encode returns the film at the best quality that is small enough, or else at the lowest quality.
func (g Gallery) encode(delay int, subtitles []string, frames []particle.Batch) ([]byte, error) {
	var film []byte
	for _, q := range filmQualities {
		var err error
		pictures := g.pictures(q.resolution, subtitles, frames)
		if film, err = encodeAPNG(quantize(q.colors, pictures...), delay); err != nil {
			return nil, err
		}
		if len(film) <= maxFilmBytes {
			break
		}
	}
	return film, nil
}

// subtitleHeight is the height of the line under a film's panels.
const subtitleHeight = 22 * px

// frameSize returns the size of a film's frame of n configurations.
func (g Gallery) frameSize(n int, subtitled bool) (width, height vg.Length) {
	side, rows := g.layout(n)
	if g.Columns > 1 {
		side = min(side, filmPanel)
	}
	width, height = g.width(side), vg.Length(rows)*g.rowHeight(side)+g.titleHeight()+12*px
	if subtitled {
		height += subtitleHeight
	}
	return width, height
}

// pictures draws every frame at a resolution in dots per inch.
func (g Gallery) pictures(resolution int, subtitles []string, frames []particle.Batch) []*image.RGBA {
	g = g.withDefaults(frames[0])
	width, height := g.frameSize(frames[0].Len(), subtitles != nil)
	out := make([]*image.RGBA, len(frames))
	for k, b := range frames {
		f := Figure{width: width, height: height, paint: func(c draw.Canvas) { g.paint(c, b) }}
		if subtitles != nil {
			f.paint = func(c draw.Canvas) {
				c.FillText(style(labelSize, ink), vg.Point{X: c.Min.X + 4*px, Y: c.Min.Y + 3*px}, subtitles[k])
				c.Min.Y += subtitleHeight
				g.paint(c, b)
			}
		}
		out[k] = f.image(resolution)
	}
	return out
}
