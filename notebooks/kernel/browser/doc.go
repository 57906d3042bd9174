// Package browser tests the notebooks as somebody at a screen meets them: JupyterLab by pip, the kernel by its own
// installer, and Chromium without a window, which opens notebooks, runs cells, moves sliders, stops and restarts.
//
//	go -C notebooks/kernel/browser test -tags browser -timeout 30m .
//
// It needs python3 with venv, pip's index the first time, and Chromium (Debian: apt-get install chromium). Screenshots stay
// in out/browser/screenshots.
package browser
