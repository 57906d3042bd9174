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
				t.Errorf("acTL promises %d frames", n)
			}
		case "fcTL":
			controls++
			if ms := binary.BigEndian.Uint16(c.data[20:]); ms != 250 { // 3 s / 12
				t.Errorf("a frame stays %d ms", ms)
			}
		}
	}
	if controls != 12 {
		t.Errorf("%d frames", controls)
	}
	if g := Grid("g", 1, f); g.Err() == nil {
		t.Error("a film was tiled")
	}
}

// TestAPNGFramesComeBack plays the animation: every frame is drawn over the one before, as a viewer does it.
func TestAPNGFramesComeBack(t *testing.T) {
	var frames []*image.RGBA
	for k := range 4 {
		f := image.NewRGBA(image.Rect(0, 0, 8, 6))
		for i := range f.Pix {
			f.Pix[i] = 0xFF
		}
		if k != 2 { // frames 1 and 2 differ by one pixel, 0 and 3 from theirs by others
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
	var plte, ihdr []byte
	var parts []part
	var body bytes.Buffer
	var box []uint32
	flush := func() {
		if len(box) == 0 {
			return
		}
		header := bytes.Clone(ihdr)
		copy(header, words(box[0], box[1]))
		out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
		writeChunk(out, "IHDR", header)
		writeChunk(out, "PLTE", plte)
		writeChunk(out, "IDAT", body.Bytes())
		writeChunk(out, "IEND", nil)
		img, err := png.Decode(out)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{img, image.Pt(int(box[2]), int(box[3]))})
		body.Reset()
	}
	sequence := uint32(0)
	number := func(d []byte) {
		if n := binary.BigEndian.Uint32(d); n != sequence {
			t.Errorf("sequence number %d, want %d", n, sequence)
		}
		sequence++
	}
	for _, c := range splitChunks(data) {
		switch c.kind {
		case "IHDR":
			ihdr = c.data
		case "PLTE":
			plte = c.data
		case "fcTL":
			flush()
			number(c.data)
			box = nil
			for i := 4; i < 20; i += 4 {
				box = append(box, binary.BigEndian.Uint32(c.data[i:]))
			}
		case "IDAT":
			body.Write(c.data)
		case "fdAT":
			number(c.data)
			body.Write(c.data[4:])
		}
	}
	flush()
	return parts
}

func TestFilmRefusesUnequalFrames(t *testing.T) {
	if f := Film(Gallery{}, 0, nil, squares(1), squares(2)); f.Err() == nil {
		t.Error("frames of 1 and 2 configurations were accepted")
	}
	if f := Film(Gallery{}, 0, []string{"a", "b"}, squares(1)); f.Err() == nil {
		t.Error("2 subtitles for 1 frame were accepted")
	}
}
