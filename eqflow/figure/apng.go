package figure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"math"
)

// encodeAPNG returns an animated PNG that repeats without end. The frames have one size and one
// palette of 256 colours, and each is shown for delay milliseconds. A frame after the first
// contains only the rectangle that changed. Viewers without animation show the first frame.
// Specification: PNG, third edition (W3C 2025), chunks acTL, fcTL and fdAT.
func encodeAPNG(frames []*image.Paletted, delay int) ([]byte, error) {
	if len(frames) == 0 {
		return nil, errors.New("no frames; give at least one")
	}
	a := &animation{delay: uint16(delay)}
	if err := a.first(frames[0], len(frames)); err != nil {
		return nil, err
	}
	for k, frame := range frames[1:] {
		if err := a.next(frame, changed(frames[k], frame)); err != nil {
			return nil, err
		}
	}
	writeChunk(&a.out, "IEND", nil)
	return a.out.Bytes(), nil
}

// animation is an animated PNG during its construction.
type animation struct {
	out      bytes.Buffer
	delay    uint16
	sequence uint32 // number of the next fcTL or fdAT
}

// first writes header, palette, the number of frames, and the first frame.
func (a *animation) first(frame *image.Paletted, count int) error {
	parts, err := chunks(frame)
	if err != nil {
		return err
	}
	a.out.WriteString("\x89PNG\r\n\x1a\n")
	countWritten := false
	for _, c := range parts {
		if c.kind == "IEND" {
			break
		}
		if c.kind == "IDAT" && !countWritten {
			writeChunk(&a.out, "acTL", words(uint32(count), 0))
			a.control(frame.Bounds())
			countWritten = true
		}
		writeChunk(&a.out, c.kind, c.data)
	}
	return nil
}

// next writes the part r of a frame, which differs from the previous frame.
func (a *animation) next(frame *image.Paletted, r image.Rectangle) error {
	parts, err := chunks(cropped(frame, r))
	if err != nil {
		return err
	}
	a.control(r)
	for _, c := range parts {
		if c.kind == "IDAT" {
			writeChunk(&a.out, "fdAT", append(words(a.sequence), c.data...))
			a.sequence++
		}
	}
	return nil
}

// control writes position and duration of the frame that follows. The frame replaces what lies
// under it.
func (a *animation) control(r image.Rectangle) {
	data := words(a.sequence, uint32(r.Dx()), uint32(r.Dy()), uint32(r.Min.X), uint32(r.Min.Y))
	data = binary.BigEndian.AppendUint16(data, a.delay)
	data = binary.BigEndian.AppendUint16(data, 1000)
	writeChunk(&a.out, "fcTL", append(data, 0, 0))
	a.sequence++
}

type chunk struct {
	kind string
	data []byte
}

// chunks compresses a frame with image/png and returns its chunks.
func chunks(frame image.Image) ([]chunk, error) {
	var buf bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&buf, frame); err != nil {
		return nil, fmt.Errorf("a frame cannot be encoded: %w; is memory short?", err)
	}
	return splitChunks(buf.Bytes()), nil
}

// splitChunks returns the chunks of a well-formed PNG.
func splitChunks(data []byte) []chunk {
	var out []chunk
	for rest := data[8:]; len(rest) >= 12; {
		n := binary.BigEndian.Uint32(rest)
		out = append(out, chunk{string(rest[4:8]), rest[8 : 8+n]})
		rest = rest[12+n:]
	}
	return out
}

func writeChunk(out *bytes.Buffer, kind string, data []byte) {
	out.Write(words(uint32(len(data))))
	body := append([]byte(kind), data...)
	out.Write(body)
	out.Write(words(crc32.ChecksumIEEE(body)))
}

// withResolution returns a PNG that states its resolution in dots per inch, so that other programs
// and the kernel of the notebook show it at its size.
func withResolution(data []byte, dpi int) []byte {
	const signature, header = 8, 12 + 13 // bytes; IHDR is the first chunk
	var out bytes.Buffer
	out.Write(data[:signature+header])
	perMetre := uint32(math.Round(float64(dpi) / 0.0254))
	const metre = 1 // the unit of the chunk
	writeChunk(&out, "pHYs", append(words(perMetre, perMetre), metre))
	out.Write(data[signature+header:])
	return out.Bytes()
}

// words returns the values as big-endian 32-bit words.
func words(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

// changed returns the smallest rectangle around the pixels that differ. It has at least one pixel,
// because a frame must not be empty.
func changed(a, b *image.Paletted) image.Rectangle {
	r := image.Rectangle{}
	for y := range a.Rect.Dy() {
		rowA, rowB := a.Pix[y*a.Stride:][:a.Rect.Dx()], b.Pix[y*b.Stride:][:a.Rect.Dx()]
		if bytes.Equal(rowA, rowB) {
			continue
		}
		left, right := 0, len(rowA)-1
		for rowA[left] == rowB[left] {
			left++
		}
		for rowA[right] == rowB[right] {
			right--
		}
		r = r.Union(image.Rect(left, y, right+1, y+1))
	}
	if r.Empty() {
		return image.Rect(0, 0, 1, 1)
	}
	return r
}

// cropped returns a copy of a part of a frame, at the origin. It has the palette of all frames, and
// so their bit depth.
func cropped(frame *image.Paletted, r image.Rectangle) *image.Paletted {
	out := image.NewPaletted(image.Rect(0, 0, r.Dx(), r.Dy()), frame.Palette)
	for y := range r.Dy() {
		copy(out.Pix[y*out.Stride:][:r.Dx()], frame.Pix[(r.Min.Y+y)*frame.Stride+r.Min.X:])
	}
	return out
}
