package serve

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// sizes returns the metadata of a display: the size of its PNG picture in CSS pixels, if the
// picture states its resolution. Without the size a front end would show one dot per pixel, and a
// picture of two dots per pixel at twice its size.
func sizes(data map[string]any) map[string]any {
	const kind = "image/png"
	encoded, _ := data[kind].(string)
	// The two chunks at the beginning of the file: IHDR and pHYs, 25 and 21 bytes long.
	const signature, header, resolution = 8, 25, 21
	length := base64.StdEncoding.EncodedLen(signature + header + resolution)
	if len(encoded) < length {
		return map[string]any{}
	}
	raw, err := base64.StdEncoding.DecodeString(encoded[:length])
	if err != nil || string(raw[1:4]) != "PNG" || string(raw[signature+4:][:4]) != "IHDR" ||
		string(raw[signature+header+4:][:4]) != "pHYs" {
		return map[string]any{}
	}
	chunk := raw[signature+header+8:]
	const metre = 1 // the unit of a resolution; otherwise only the shape of a dot is known
	if chunk[8] != metre {
		return map[string]any{}
	}
	pixels := func(dots, perMetre []byte) int {
		const pixel = 0.0254 / 96 // metres
		metres := float64(binary.BigEndian.Uint32(dots)) / float64(binary.BigEndian.Uint32(perMetre))
		return int(math.Round(metres / pixel))
	}
	width, height := pixels(raw[signature+8:], chunk), pixels(raw[signature+12:], chunk[4:])
	const most = 1 << 15 // of a picture on a screen; also refuses a resolution of 0
	if width < 1 || width > most || height < 1 || height > most {
		return map[string]any{}
	}
	return map[string]any{kind: map[string]any{"width": width, "height": height}}
}
