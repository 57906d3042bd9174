package figure

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// turnPage is a page around turn.js for Node: a box, and a body whose theme changes. It says how
// often the canvas was drawn, and whether the page still observes its theme.
const turnPage = `
const pen = new Proxy({}, {get: () => () => {}, set: () => true});
const canvas = {style: {}, dataset: {}, isConnected: true, getContext: () => pen, setAttribute() {}};
const box = {dataset: {}, replaceChildren() {}};
let theme = null, sight = null;
globalThis.window = {devicePixelRatio: 1};
globalThis.getComputedStyle = () => ({color: "#000"});
globalThis.document = {
  body: {}, getElementsByClassName: () => [box],
  createElement: (name) => name === "canvas" ? canvas : {style: {}},
};
globalThis.MutationObserver = class {
  constructor(change) { this.change = change; }
  observe() { theme = this.change; }
  disconnect() { theme = null; }
};
globalThis.IntersectionObserver = class {
  constructor(change) { this.change = change; }
  observe() { sight = this.change; }
};
install("id", {width: 9, height: 9, side: 9, extent: 1, azimuth: 0, elevation: 0, panels: []});
const say = () => console.log(canvas.dataset.drawn, theme !== null);
const change = () => { if (theme) theme([]); say(); };
const see = (isIntersecting) => { if (sight) sight([{isIntersecting}]); say(); };
say();
see(true);
change();
canvas.isConnected = false;
see(false);
change();
change();
canvas.isConnected = true;
see(true);
change();
`

// A view that turns follows the page's theme while it is on the page. The page does not keep a view
// that has left it, and a view that comes back has the ink of the page.
func TestTurnLeavesThePage(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs Node")
	}
	path := filepath.Join(t.TempDir(), "page.js")
	if err := os.WriteFile(path, []byte("const install = "+turnScript+turnPage), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(node, path).CombinedOutput()
	want := "1 true\n1 true\n2 true\n2 true\n2 false\n2 false\n3 true\n4 true\n"
	if err != nil || string(got) != want {
		t.Errorf("the view was drawn, and the theme observed: %v\n%s", err, got)
	}
}
