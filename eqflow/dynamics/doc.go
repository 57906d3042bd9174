// Package dynamics provides the vector fields of continuous normalising flows: the velocity v(x, t)
// of every particle, and its divergence.
//
// # Which field when
//
//   - RadialBasis is the field of the paper, called the kernel field: a sum over pairs, along the
//     line between the two particles, of a function of distance and time. It is the smallest (620
//     parameters on DW4) and the fastest, and its divergence has a closed form. It is the first
//     choice for training by likelihood, and the default of flow.Continuous.
//   - EGNN is a graph network of several layers, and the most accurate on small clusters. Its exact
//     divergence costs (n−1)·d times the velocity, so that large systems are trained by flow
//     matching and estimate the divergence from probes (Probed).
//   - OneHop is a network of one round of messages with angles. Its exact divergence costs a few
//     times the velocity, whatever the number of particles. It is for large clusters whose
//     likelihood is to be exact.
//   - MLP is a plain network without rotation, reflection or relabelling symmetry. It is for
//     comparison.
//
// # Which file first
//
// dynamics.go has the interfaces: a Config is plain data, and its Bind makes a Field in a graph.
// mlp.go, with the network of perceptron.go, is the shortest complete field. radial_basis.go has
// the paper's field, and radial_basis_linear.go the same field with a derivative written by hand.
// egnn.go and onehop.go each begin with the formulas; the files beside them have the parts:
// egnn_layer.go, and onehop_edges.go, onehop_channels.go and onehop_moments.go. They share dual.go
// (forward-mode differentiation), parameters.go (trainable arrays), pairs.go (arrays on pairs and
// on edges) and roles.go (particles that are not all alike).
//
// # A field of one's own
//
// A field is two types: a Config with Validate and Bind, and a Field with At. The example shows a
// whole field in one file. Such a field works with flow.Continuous at once; flowtest.Run tests the
// flow. A field that also implements Tabulated, Looped, Probed or Wide is solved faster. A method
// WithDefaults of the Config is optional. To be saved in a model's folder and to have a name on the
// command line, a field takes one line in the table kinds of package flow (spec.go).
package dynamics
