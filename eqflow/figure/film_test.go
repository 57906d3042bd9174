package figure

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func TestFilmIsAnAnimatedPNG(t *testing.T) {
	var frames []particle.Batch
	for k := range 12 {
		frames = append(frames, squares(12).Slice(k, k+1))
	}
	f := Film(Gallery{Title: "t", Bond: 3}, 3, nil, frames...)
	data, err := f.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Errorf("the first frame is not a PNG: %v", err)
	}
	controls := 0
	for _, c := range splitChunks(data) {
		switch c.kind {
		case "acTL":
			if n := binary.BigEndian.Uint32(c.data); n != 12 {
				t.Errorf("acTL announces %d frames", n)
			}
		case "fcTL":
			controls++
			if ms := binary.BigEndian.Uint16(c.data[20:]); ms != 250 { // 3 s / 12
				t.Errorf("a frame lasts %d ms", ms)
			}
		}
	}
	if controls != 12 {
		t.Errorf("%d frames", controls)
	}
	if g := Grid("g", 1, f); g.Err() == nil {
		t.Error("a grid accepted a film")
	}
}

// TestAPNGFramesAreRecovered plays the animation as a viewer does: it draws every frame over the
// previous frame.
func TestAPNGFramesAreRecovered(t *testing.T) {
	var frames []*image.RGBA
	for k := range 4 {
		f := image.NewRGBA(image.Rect(0, 0, 8, 6))
		for i := range f.Pix {
			f.Pix[i] = 0xFF
		}
		if k != 2 { // every frame differs from the next in at most two pixels
			f.SetRGBA(k+2, k, color.RGBA{uint8(60 * k), 10, 20, 0xFF})
		}
		frames = append(frames, f)
	}
	data, err := encodeAPNG(quantize(256, frames...), 40)
	if err != nil {
		t.Fatal(err)
	}
	canvas := image.NewRGBA(frames[0].Rect)
	k := 0
	for _, part := range play(t, data) {
		for y := range part.Bounds().Dy() {
			for x := range part.Bounds().Dx() {
				canvas.Set(part.at.X+x, part.at.Y+y, part.At(x, y))
			}
		}
		if !bytes.Equal(canvas.Pix, frames[k].Pix) {
			t.Errorf("frame %d differs", k)
		}
		k++
	}
	if k != len(frames) {
		t.Errorf("%d frames", k)
	}
}

type part struct {
	image.Image
	at image.Point
}

// play decodes every frame as a PNG of its own.
func play(t *testing.T, data []byte) []part {
	t.Helper()
	p := player{t: t}
	for _, c := range splitChunks(data) {
		p.add(c)
	}
	p.flush()
	return p.parts
}

// player decodes the chunks of an animated PNG, in the order of the file.
type player struct {
	t        *testing.T
	ihdr     []byte
	palette  []chunk  // PLTE and tRNS
	box      []uint32 // width, height, x and y of the current frame
	body     bytes.Buffer
	sequence uint32
	parts    []part
}

func (p *player) add(c chunk) {
	switch c.kind {
	case "IHDR":
		p.ihdr = c.data
	case "PLTE", "tRNS":
		p.palette = append(p.palette, c)
	case "fcTL":
		p.flush()
		p.checkSequence(c.data)
		p.box = nil
		for i := 4; i < 20; i += 4 {
			p.box = append(p.box, binary.BigEndian.Uint32(c.data[i:]))
		}
	case "IDAT":
		p.body.Write(c.data)
	case "fdAT":
		p.checkSequence(c.data)
		p.body.Write(c.data[4:])
	}
}

func (p *player) checkSequence(data []byte) {
	if n := binary.BigEndian.Uint32(data); n != p.sequence {
		p.t.Errorf("sequence number %d, want %d", n, p.sequence)
	}
	p.sequence++
}

// flush decodes the current frame.
func (p *player) flush() {
	if len(p.box) == 0 {
		return
	}
	header := bytes.Clone(p.ihdr)
	copy(header, words(p.box[0], p.box[1]))
	out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	writeChunk(out, "IHDR", header)
	for _, c := range p.palette {
		writeChunk(out, c.kind, c.data)
	}
	writeChunk(out, "IDAT", p.body.Bytes())
	writeChunk(out, "IEND", nil)
	img, err := png.Decode(out)
	if err != nil {
		p.t.Fatal(err)
	}
	p.parts = append(p.parts, part{img, image.Pt(int(p.box[2]), int(p.box[3]))})
	p.body.Reset()
}

// The film of a chain has a frame for each configuration, the same bonds in all, and refuses other
// numbers of energies.
func TestChainFilm(t *testing.T) {
	f := ChainFilm("DW4", squares(5), ramp(5), 100)
	if err := f.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range splitChunks(f.film) {
		if c.kind == "acTL" && binary.BigEndian.Uint32(c.data) != 5 {
			t.Errorf("%d frames of 5 configurations", binary.BigEndian.Uint32(c.data))
		}
	}
	if width, height := f.Size(); width != 276 || height < 290 {
		t.Errorf("the film is %d × %d", width, height)
	}
	for name, bad := range map[string]Figure{
		"no configurations": ChainFilm("", particle.Batch{}, nil, 1),
		"4 energies":        ChainFilm("", squares(5), ramp(4), 1),
	} {
		if bad.Err() == nil {
			t.Errorf("%s: drawn", name)
		}
	}
}

func TestFilmRefusesUnequalFrames(t *testing.T) {
	if f := Film(Gallery{}, 0, nil, squares(1), squares(2)); f.Err() == nil {
		t.Error("frames of 1 and 2 configurations were accepted")
	}
	if f := Film(Gallery{}, 0, []string{"a", "b"}, squares(1)); f.Err() == nil {
		t.Error("2 subtitles for 1 frame were accepted")
	}
}
