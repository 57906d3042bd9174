// Package figure draws the figures of the notebooks: PNG pictures on a transparent ground, whose
// colours suit light and dark pages, films as animated PNG, and tables as HTML.
//
// Every function takes plain slices and returns a Figure or a Table. A fault in the data, such as
// an empty series or a NaN, is stored in the Figure and returned as the error of PNG, Save or Show.
//
// Labels understand ^{…} and _{…}, and the superscript and subscript digits of Unicode. The colours
// are those of Okabe and Ito, which colour-blind readers can distinguish. Sizes are in pixels of a
// screen without scaling; pictures have two dots per pixel.
//
// Read figure.go and axes.go first. Which function to use when:
//
//   - Curves and points: Lines and Scatter (lines.go), with LearningCurves for training losses
//     (curves.go).
//   - Distributions: Histogram of one number (histogram.go), FreeEnergyLandscape of two (heat.go).
//     A function of two variables: HeatMap.
//   - Numbers by name: Bars (bars.go), or a Table (table.go).
//   - Configurations: Particles (particles.go, configuration.go), and Film for a trajectory of a
//     flow or ChainFilm for a Markov chain (film.go). In a notebook particles in space turn
//     (scene.go).
//   - Results of package measure: FreeEnergy and RadialDistribution (measures.go). Curves and their
//     differences from a reference: WithDifference (measures.go).
//   - Several figures as one: Grid (figure.go).
//   - Any of these, or a value that can be drawn: Show, which displays it in a notebook and saves
//     it elsewhere (show.go, notebook.go).
//   - While something runs: LiveCurve for a training (live.go), View for a picture that follows a
//     slider (view.go), Progress for one line of text (progress.go).
//
// frames.go, ground.go, header.go, markup.go, style.go, ticks.go and words.go are shared by all
// figures, apng.go and quantize.go encode pictures.
package figure
