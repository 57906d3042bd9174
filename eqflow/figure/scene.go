package figure

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

//go:embed turn.js
var turnScript string

// scene is a gallery in space as turn.js draws it. Lengths on the screen are in CSS pixels from the
// top left.
type scene struct {
	Width     int          `json:"width"`
	Height    int          `json:"height"`
	Title     string       `json:"title"`
	Panels    []scenePanel `json:"panels"`
	Side      float64      `json:"side"` // of a panel
	Vacant    string       `json:"vacant"`
	Extent    float64      `json:"extent"`
	Radius    float64      `json:"radius"`
	Bond      float64      `json:"bond"`
	Scale     float64      `json:"scale"` // length of the scale bar
	ScaleText string       `json:"scaleText"`
	Faded     float64      `json:"faded"`
	Numbered  bool         `json:"numbered"`
	Azimuth   float64      `json:"azimuth"`
	Elevation float64      `json:"elevation"`
}

type scenePanel struct {
	X       float64   `json:"x"`
	Y       float64   `json:"y"`
	Points  []float64 `json:"points"` // coordinates relative to the centre of mass; none if vacant
	Colors  []string  `json:"colors"` // of the particles; one for all if they are equal
	Caption string    `json:"caption"`
}

// scene returns the gallery, whose defaults are set, as turn.js draws it.
func (g Gallery) scene(b particle.Batch) *scene {
	side, rows := g.layout(b.Len())
	pixels := func(l vg.Length) float64 { return math.Round(float64(l/px)*10) / 10 }
	s := &scene{
		Title: g.Title, Vacant: g.Vacant, Extent: g.Extent, Radius: g.Radius, Bond: g.Bond, Numbered: g.Numbered,
		Scale: g.scaleLength(), ScaleText: compactNumber(g.scaleLength()), Faded: mostFaded,
		Azimuth: azimuth, Elevation: elevation,
	}
	corner := vg.Point{X: 6 * px, Y: -6*px - g.titleHeight()} // y upwards, from the top of the picture
	for p := range rows * g.Columns {
		i := g.configurationIn(p, b.Len())
		if i < 0 && g.Panels == nil {
			break
		}
		area := g.areaOf(p, corner, side)
		s.Side = pixels(area.Size().X)
		panel := scenePanel{X: pixels(area.Min.X), Y: pixels(-area.Max.Y)}
		if i >= 0 {
			panel.fill(g, b, i)
		}
		s.Panels = append(s.Panels, panel)
	}
	return s
}

// fill adds configuration i to a panel.
func (p *scenePanel) fill(g Gallery, b particle.Batch, i int) {
	x := append([]float64{}, b.At(i)...)
	particle.RemoveMean(x, b.D)
	perUnit := math.Pow(10, 4-math.Ceil(math.Log10(g.Extent))) // a thousandth of the extent or less is lost
	for _, v := range x {
		p.Points = append(p.Points, math.Round(v*perUnit)/perUnit)
	}
	for k := range b.N {
		p.Colors = append(p.Colors, hexColor(g.color(i, k)))
	}
	if !g.Numbered {
		p.Colors = p.Colors[:1]
	}
	if g.Captions != nil {
		p.Caption = g.Captions[i]
	}
}

func hexColor(c color.NRGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// turning returns the forms of particles in space: a page whose picture gives way to a view that
// turns, and the picture alone, at a dot per pixel, for viewers without pages.
func (f Figure) turning(picture []byte) (map[string]any, error) {
	const dpi = 96
	var small bytes.Buffer
	if err := png.Encode(&small, quantize(256, f.image(dpi))[0]); err != nil {
		return nil, fmt.Errorf("figure: %q cannot be encoded: %w; is memory short?", f.Name, err)
	}
	f.scene.Width, f.scene.Height = f.Size()
	text, err := json.Marshal(f.scene) // which escapes <, so that no caption ends the script
	if err != nil {
		return nil, fmt.Errorf("figure: %q: %w", f.Name, err)
	}
	sum := sha256.Sum256(text)
	id := "eqflow-turn-" + hex.EncodeToString(sum[:6]) // equal views give equal notebooks
	page := fmt.Sprintf(`<div class="eqflow-turn %s"><img alt="particles" width="%d" style="max-width:100%%" `+
		`src="data:image/png;base64,%s">
<div style="opacity:.6">Run the cell to turn them.</div></div>
<script>(%s)(%q, %s)</script>`,
		id, f.scene.Width, base64.StdEncoding.EncodeToString(picture), turnScript, id, text)
	return map[string]any{
		"text/html": page, "image/png": withResolution(small.Bytes(), dpi), "text/plain": f.Name,
	}, nil
}
