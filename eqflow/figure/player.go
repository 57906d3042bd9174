package figure

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

//go:embed player.js
var playerScript string

// playerHTML returns an animated PNG with buttons to play it in both directions and a slider over
// its frames. Where scripts do not run, as in a notebook that is not trusted, the animation plays
// by itself, above a line that says where the buttons come from. The width is in CSS pixels.
func playerHTML(film []byte, width int) string {
	sum := sha256.Sum256(film)
	id := "eqflow-film-" + hex.EncodeToString(sum[:6]) // equal films give equal notebooks
	return fmt.Sprintf(`<div class="eqflow-film %s">
<img alt="film" width="%d" style="max-width:100%%" src="data:image/png;base64,%s">
<div style="opacity:.6">Run the cell for its buttons.</div></div>
<script>(%s)(%q)</script>`, id, width, base64.StdEncoding.EncodeToString(film), playerScript, id)
}
