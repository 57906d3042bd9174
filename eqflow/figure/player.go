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

// playerHTML shows an animated PNG with a play button, both directions and a slider over its frames. Where scripts do not
// run, as in a notebook that is not trusted, the animation plays by itself. The width in style pixels is half of the
// film's, which has two dots per pixel at most.
func playerHTML(film []byte) string {
	sum := sha256.Sum256(film)
	id := "eqflow-film-" + hex.EncodeToString(sum[:6]) // the same film gives the same notebook
	return fmt.Sprintf(`<div class="eqflow-film %s"><img alt="film" style="max-width:100%%" src="data:image/png;base64,%s"></div>
<script>(%s)(%q)</script>`, id, base64.StdEncoding.EncodeToString(film), playerScript, id)
}
