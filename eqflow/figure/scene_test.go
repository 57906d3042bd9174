package figure

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// tetrahedra returns count tetrahedra in space.
func tetrahedra(count int) particle.Batch {
	b := particle.NewBatch(count, 4, 3)
	for i := range count {
		copy(b.At(i), []float64{1, 1, 1, 1, -1, -1, -1, 1, -1, -1, -1, 1})
	}
	return b
}

var sceneText = regexp.MustCompile(`\)\("eqflow-turn-[0-9a-f]{12}", (.*)\)</script>`)

// Particles in space are a page with a view that turns, whose picture stays where scripts do not
// run, and a picture for viewers without pages.
func TestSpaceTurns(t *testing.T) {
	forms, err := Bundle(Particles(Gallery{Title: "LJ", Captions: []string{"a</script>", "b"}, Bond: 3}, tetrahedra(2)))
	if err != nil {
		t.Fatal(err)
	}
	page := forms["text/html"].(string)
	if strings.Count(page, "</script>") != 1 || !strings.Contains(page, `<img alt="particles" width="536"`) {
		t.Errorf("the page is %.300s", page)
	}
	small, err := png.Decode(bytes.NewReader(forms["image/png"].([]byte)))
	if err != nil || small.Bounds().Dx() != 536 {
		t.Errorf("the picture is %v, %v", small.Bounds(), err)
	}
	var s scene
	if err := json.Unmarshal([]byte(sceneText.FindStringSubmatch(page)[1]), &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Panels) != 2 || len(s.Panels[1].Points) != 12 || s.Panels[0].Caption != "a</script>" || s.Bond != 3 {
		t.Errorf("the scene is %+v", s)
	}
	for name, f := range map[string]Figure{
		"a plane": Particles(Gallery{}, squares(2)), "a cloud": Particles(Gallery{Overlay: true}, tetrahedra(2)),
		"a grid": Grid("g", 1, Particles(Gallery{}, tetrahedra(1))),
	} {
		if forms, err := Bundle(f); err != nil || forms["text/html"] != nil {
			t.Errorf("%s turns: %v", name, err)
		}
	}
}

// The page's first view is the picture: every particle of the scene is a disc there, and no turn
// moves one out of its panel.
func TestSceneIsThePicture(t *testing.T) {
	f := Particles(Gallery{Title: "t", Captions: []string{"a", "b"}}, tetrahedra(2))
	img, s := f.image(192), f.scene
	unit := s.Side / (2 * s.Extent)
	for _, panel := range s.Panels {
		for _, p := range project(panel.Points, 3) {
			x, y := panel.X+s.Side/2+p.x*unit, panel.Y+s.Side/2-p.y*unit
			if c := img.RGBAAt(int(2*x), int(2*y)); c.A < 80 || c.B <= c.R {
				t.Errorf("no particle at (%.0f, %.0f): %v", x, y, c)
			}
			if far := math.Sqrt(p.x*p.x + p.y*p.y + p.depth*p.depth); far+s.Radius > s.Extent {
				t.Errorf("a particle %.2f from the middle leaves a panel of %.2f", far, s.Extent)
			}
		}
	}
}
