// The EGNN's value, its products with directions, and their gradients, by hand. The including file
// defines the vectors. A few configurations at a time go all the way forward and back while their
// arrays stay in the cache.

#include "network.h"
#include <string.h>

#include "dense_body.h"
#include "layers_body.h"
#include "forward_body.h"
#include "backward_body.h"
#include "directions_body.h"
#include "divergence_body.h"

FUNCTION long space(const eqflow_egnn *f, int second_order) {
	float *start = 0, *at = start;
	activations l[f->layers];
	allocate_activations(f, &at, second_order ? ALL_ROWS_CURVED : ALL_ROWS, l);
	allocate_scratch(f, &at);
	allocate_tangent_scratch(f, &at, second_order);
	for (int k = 0; k < f->layers; k++) allocate_tangents(f, &at, k, second_order);
	if (second_order) {
		allocate_adjoint(f, &at);
		for (int k = 0; k < f->layers; k++) allocate_cotangents(f, &at);
	}
	return at - start;
}

FUNCTION double match(EQFLOW_EGNN_CALL, const float *wanted, float share, float *gradient) {
	double loss = 0;
	activations l[f->layers];
	allocate_activations(f, &space, kept_rows(f), l);
	scratch s = allocate_scratch(f, &space);
	for (int from = 0; from < count; from += LANES) {
		int here = load_block(f, roles, from, count, x, t, &s);
		forward(f, parameters, l, &s);
		loss += residuals(f, &s, here, wanted + from * f->n * f->dim, share);
		backward(f, parameters, transposed, l, &s, gradient, 0);
	}
	return loss;
}

FUNCTION void pull_parameters(EQFLOW_EGNN_CALL, const float *cotangents, float *gradient) {
	activations l[f->layers];
	allocate_activations(f, &space, kept_rows(f), l);
	scratch s = allocate_scratch(f, &space);
	for (int from = 0; from < count; from += LANES) {
		int here = load_block(f, roles, from, count, x, t, &s);
		forward(f, parameters, l, &s);
		place_cotangents(f, here, cotangents + from * f->n * f->dim, &s);
		backward(f, parameters, transposed, l, &s, gradient, 0);
	}
}

FUNCTION void pull(EQFLOW_EGNN_CALL, const float *cotangents, float *pulled) {
	long place = f->n * f->dim * LANES;
	activations l[f->layers];
	allocate_activations(f, &space, kept_rows(f), l);
	scratch s = allocate_scratch(f, &space);
	load_block(f, roles, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	place_cotangents(f, count, cotangents, &s);
	memcpy(s.x, s.gy, sizeof(float) * place); // for the −x in the velocity, y − x
	backward(f, parameters, transposed, l, &s, 0, 0);
	for (long k = 0; k < place; k += LANES) store_lanes(s.gy + k, load_lanes(s.gy + k) - load_lanes(s.x + k));
	store_block(f, count, s.gy, pulled);
}

FUNCTION void rate(EQFLOW_EGNN_CALL, int directions, const float *vectors, float *v, float *products) {
	int last = f->layers - 1;
	activations l[f->layers];
	tangents dl[f->layers];
	allocate_activations(f, &space, directions ? ALL_ROWS : kept_rows(f), l);
	scratch s = allocate_scratch(f, &space);
	tangent_scratch ds = allocate_tangent_scratch(f, &space, 0);
	for (int k = 0; k < f->layers; k++) dl[k] = allocate_tangents(f, &space, k, 0);
	load_block(f, roles, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	velocities(f, &s, count, v);
	if (!directions) return;
	layer w = layer_at(f, parameters, 0), w_last = layer_at(f, parameters, last);
	layer t_last = layer_at(f, transposed, last);
	first_by_distance(f, &w, &l[0], &s, &ds);
	if (last) last_by_inputs(f, &w_last, &t_last, &l[last], &s, &ds);
	for (int k = 1; k < last; k++) {
		layer here = layer_at(f, parameters, k), there = layer_at(f, transposed, k);
		strength_by_message(f, &here, &there, &l[k], &s, dl[k].strength_by_message);
	}
	for (int k = 0; k < directions; k++) {
		const float *u = vectors + (long)k * f->n * f->dim * LANES;
		store_lanes(products + k * LANES, direction(f, parameters, u, l, &s, &ds, dl));
	}
}

FUNCTION void divergence(EQFLOW_EGNN_CALL, int directions, const float *basis, float *div, float *gradient) {
	int width = f->n * f->dim, last = f->layers - 1;
	activations l[f->layers];
	tangents dl[f->layers];
	cotangents gl[f->layers];
	allocate_activations(f, &space, ALL_ROWS_CURVED, l);
	scratch s = allocate_scratch(f, &space);
	tangent_scratch ds = allocate_tangent_scratch(f, &space, 1);
	for (int k = 0; k < f->layers; k++) dl[k] = allocate_tangents(f, &space, k, 1);
	adjoint b = allocate_adjoint(f, &space);
	clear_sums(f, &b);
	for (int k = 0; k < f->layers; k++) {
		gl[k] = allocate_cotangents(f, &space);
		clear_cotangents(f, &gl[k]);
	}

	load_block(f, roles, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	layer w = layer_at(f, parameters, 0), w_last = layer_at(f, parameters, last);
	layer t_first = layer_at(f, transposed, 0), t_last = layer_at(f, transposed, last);
	first_by_distance(f, &w, &l[0], &s, &ds);
	if (last) last_by_inputs(f, &w_last, &t_last, &l[last], &s, &ds);
	lanes sum = splat_lanes(0);
	for (int k = 0; k < directions; k++) {
		const float *u = basis + (long)k * width * LANES;
		sum += direction(f, parameters, u, l, &s, &ds, dl);
		direction_back(f, parameters, transposed, u, l, &ds, dl, &b, gl);
	}
	if (last) last_by_inputs_back(f, &w_last, &l[last], &ds, &s, &b, &gl[last]);
	first_by_distance_back(f, &w, &t_first, &l[0], &ds, &s, &b, &gl[0]);
	memset(s.gy, 0, sizeof(float) * width * LANES);
	backward(f, parameters, transposed, l, &s, 0, gl);
	float all[LANES];
	store_lanes(all, sum);
	memcpy(div, all, sizeof(float) * count);
	store_block(f, count, s.gy, gradient);
}

const eqflow_egnn_functions FUNCTIONS = {space, match, pull_parameters, pull, rate, divergence};
