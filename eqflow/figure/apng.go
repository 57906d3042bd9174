package figure

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
)

// encodeAPNG assembles an endless animated PNG, delay milliseconds a frame, of frames of one size with one palette of 256
// colours. Frames after the first hold only the rectangle that changed. Viewers without animation show the first frame.
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

// animation is an animated PNG in the making.
type animation struct {
	out      bytes.Buffer
	delay    uint16
	sequence uint32 // of the next fcTL or fdAT
}

// first writes header and palette, the number of frames, and the frame that is also the still picture.
func (a *animation) first(frame *image.Paletted, count int) error {
	parts, err := chunks(frame)
	if err != nil {
		return err
	}
	a.out.WriteString("\x89PNG\r\n\x1a\n")
	announced := false
	for _, c := range parts {
		if c.kind == "IEND" {
			break
		}
		if c.kind == "IDAT" && !announced {
			writeChunk(&a.out, "acTL", words(uint32(count), 0))
			a.control(frame.Bounds())
			announced = true
		}
		writeChunk(&a.out, c.kind, c.data)
	}
	return nil
}

// next writes the part of a frame in which it differs from the one before.
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

// control says where and how long the frame that follows is shown: over the one before, replacing it.
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

// chunks lets image/png compress a frame and takes the result apart.
func chunks(frame image.Image) ([]chunk, error) {
	var buf bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&buf, frame); err != nil {
		return nil, fmt.Errorf("a frame cannot be encoded: %w; is memory short?", err)
	}
	return splitChunks(buf.Bytes()), nil
}

// splitChunks takes a well-formed PNG apart.
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

func words(values ...uint32) []byte {
	var out []byte
	for _, v := range values {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	return out
}

// changed bounds the pixels that differ; at least one pixel, for a frame may not be empty.
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

// cropped copies a part of a frame to the origin. Its palette keeps 256 entries, so that the bit depth stays that of all.
func cropped(frame *image.Paletted, r image.Rectangle) *image.Paletted {
	out := image.NewPaletted(image.Rect(0, 0, r.Dx(), r.Dy()), frame.Palette)
	for y := range r.Dy() {
		copy(out.Pix[y*out.Stride:][:r.Dx()], frame.Pix[(r.Min.Y+y)*frame.Stride+r.Min.X:])
	}
	return out
}
