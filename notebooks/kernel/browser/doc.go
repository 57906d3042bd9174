// Package browser tests the notebooks as a user sees them. JupyterLab comes from pip, and the
// kernel from its own installer. Chromium without a window opens notebooks, runs cells, moves
// sliders, and presses stop and restart. The tests are a module of their own, so that eqflow's
// users do not depend on chromedp.
//
//	go -C notebooks/kernel/browser test -tags browser -timeout 30m .
//
// The tests need python3 with venv, pip's index the first time, and Chromium (Debian: apt-get
// install chromium). They write screenshots to out/browser/screenshots.
package browser
