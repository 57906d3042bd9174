/* The mathematics of floor.c: the field, its solve with the adjoint, the tables of the parameters,
 * and Adam. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));

#define K 50
#define T 10
#define EPS 1e-6f
#define TINY 1e-12f
#define PENALTY 1.0f
#define LONGEST 8.0f

/* rows is the number of flow times that RK4 visits, 2 steps + 1. */
static int n, D, batch, steps, threads, blocks, pairs, rows;

/* The parameters, by the names of the reference problem, and the configurations. */
static float weights[K][T], bias[T], importance[K], neg_log_gammas[K], neg_log_gammas_time[T], *start_x;

/* Tables that a step computes from the parameters, and their cotangents. */
static float mu[K], inverse_width[K], slope_of[K]; /* centres, 1/width, −2/width² */
static float (*W)[K], *constant, (*time_rbf)[T], gated[T];
static float (*gW)[K], *gconstant, ginverse[K];

static vf splat(float a) { return a - (vf){0}; }
static inline vf at_least(vf a, float least) {
#if defined(__AVX512F__)
    return _mm512_max_ps(a, splat(least));
#elif defined(__AVX__)
    return _mm256_max_ps(a, splat(least));
#else
    for (int i = 0; i < LANES; i++) a[i] = a[i] > least ? a[i] : least;
    return a;
#endif
}
static vf root(vf a) { for (int i = 0; i < LANES; i++) a[i] = sqrtf(a[i]); return a; }
static vf magnitude(vf a) { return (vf)((vi)a & 0x7fffffff); }
static vf copysign1(vf a) { return (vf)(((vi)a & (int32_t)0x80000000) | (vi)splat(1)); }

/* Returns exp(a) for a ≤ 0, to 1e-7: a power of two by the bits of the exponent, and a polynomial
 * for the rest. */
static inline vf exp_negative(vf a) {
    vf x = at_least(a * 1.44269504f, -125.0f), shifted = x + 12582912.0f; /* 1.5·2^23: rounds */
    vf f = x - (shifted - 12582912.0f);
    vf p = splat(1.535336188e-4f);
    p = p * f + 1.339887440e-3f;
    p = p * f + 9.618437357e-3f;
    p = p * f + 5.550332548e-2f;
    p = p * f + 2.402264791e-1f;
    p = p * f + 6.931472028e-1f;
    p = p * f + 1.0f;
    return (vf)((vi)p + ((vi)shifted << 23));
}

/* Sets out to Σ R, Σ W R and their derivatives by the distance. */
static inline void rbf_forward(vf d, const float *restrict w, vf out[4]) {
    vf s = {0}, sw = {0}, ds = {0}, dw = {0};
    for (int k = 0; k < K; k++) {
        vf u = d - mu[k], a = u * inverse_width[k], R = exp_negative(-(a * a)), t = slope_of[k] * u * R;
        s += R;
        ds += t;
        sw += w[k] * R;
        dw += w[k] * t;
    }
    out[0] = s, out[1] = sw, out[2] = ds, out[3] = dw;
}

/* Returns the cotangent of d from those of the four sums. It adds to the cotangents of the weights
 * and of the inverse widths, the latter without their factor −2/width. */
static inline vf rbf_backward(vf d, const float *restrict w, const vf g[4], vf *restrict gw, vf *restrict gwidth) {
    vf gd = {0}, gs = g[0], gsw = g[1], gds = g[2], gdw = g[3];
    for (int k = 0; k < K; k++) {
        vf u = d - mu[k], a = u * inverse_width[k], R = exp_negative(-(a * a)), uR = u * R, t = slope_of[k] * uR;
        vf f = gds + w[k] * gdw, gR = gs + w[k] * gsw + slope_of[k] * u * f;
        gd += gR * t + slope_of[k] * R * f;
        gw[k] += R * gsw + t * gdw;
        gwidth[k] += uR * (gR * u + 2.0f * f);
    }
    return gd;
}

/* memory belongs to a thread: the solve of one block, and contributions to the gradients. */
typedef struct {
    vf *x, *v, *k, *stages, *gx, *gk; /* [nD], [4 nD], [steps 4 nD] */
    vf *sums;                         /* [steps 4 pairs 4] */
    vf *l;                            /* [steps 4] */
    vf *gW, *gconstant, *gwidth;      /* [rows K], [rows], [K] */
    double loss;
    int from, to; /* blocks */
} memory;
static memory *memories;
static float *log_density, *end_x;

static void *array(size_t count, size_t size) {
    void *p = NULL;
    if (posix_memalign(&p, 64, count * size + 64)) {
        fprintf(stderr, "floor: there is no memory for %zu numbers; give a smaller batch\n", count);
        exit(1);
    }
    return memset(p, 0, count * size);
}

/* Sets the velocity v [nD] at x and returns its divergence. It keeps the sums of every pair. */
static vf field(const vf *x, int row, vf *v, vf *sums) {
    vf div = {0};
    memset(v, 0, sizeof(vf) * n * D);
    for (int i = 0, p = 0; i < n; i++)
        for (int j = i + 1; j < n; j++, p++) {
            vf square = {0}, q[4];
            for (int c = 0; c < D; c++) {
                vf r = x[i * D + c] - x[j * D + c];
                square += r * r;
            }
            vf d = root(square + EPS);
            rbf_forward(d, W[row], q);
            memcpy(sums + 4 * p, q, sizeof q);
            vf inv = 1.0f / (q[0] + EPS), phi = q[1] * inv + constant[row], slope = (q[3] - q[1] * q[2] * inv) * inv;
            for (int c = 0; c < D; c++) {
                vf f = (x[i * D + c] - x[j * D + c]) * phi;
                v[i * D + c] += f, v[j * D + c] -= f;
            }
            div += 2.0f * (square / d * slope + (float)D * phi);
        }
    return div;
}

/* Adds to gx, the cotangent of x, from the cotangents gv [nD] and gl of the results of field. */
static void field_backward(memory *m, const vf *x, int row, const vf *sums, const vf *gv, vf gl, vf *gx) {
    for (int i = 0, p = 0; i < n; i++)
        for (int j = i + 1; j < n; j++, p++) {
            const vf *q = sums + 4 * p;
            vf square = {0}, along = {0}, g[4];
            for (int c = 0; c < D; c++) {
                vf r = x[i * D + c] - x[j * D + c];
                square += r * r;
                along += r * (gv[i * D + c] - gv[j * D + c]);
            }
            vf d = root(square + EPS), lever = square / d, inv = 1.0f / (q[0] + EPS);
            vf phi = q[1] * inv + constant[row], slope = (q[3] - q[1] * q[2] * inv) * inv;
            vf gphi = along + 2.0f * D * gl, gslope = 2.0f * gl * lever, ss = gslope * inv * inv;
            g[3] = gslope * inv;
            g[2] = -ss * q[1];
            g[1] = gphi * inv - ss * q[2];
            g[0] = -(gphi * q[1] + gslope * q[3] - 2.0f * gslope * q[1] * q[2] * inv) * inv * inv;
            m->gconstant[row] += gphi;
            vf gd = rbf_backward(d, W[row], g, m->gW + row * K, m->gwidth) + 2.0f * gl * slope * (1.0f + EPS / (d * d));
            for (int c = 0; c < D; c++) {
                vf gr = (gv[i * D + c] - gv[j * D + c]) * phi + (x[i * D + c] - x[j * D + c]) * (gd / d);
                gx[i * D + c] += gr, gx[j * D + c] -= gr;
            }
        }
}

static int row_of(int step, int stage) { return 2 * step + (stage + 1) / 2; }

static vf log_prior(const vf *z) {
    vf square = {0};
    for (int c = 0; c < n * D; c++) square += z[c] * z[c];
    return -0.5f * square - (float)(0.5 * (n - 1) * D * log(2 * M_PI));
}

/* Solves a block. It returns log|det| of the lanes, and sets the penalty. */
static vf solve(memory *m, int block, vf *penalty) {
    int w = n * D;
    float h = 1.0f / steps;
    const float reach[4] = {0, 0.5f * h, 0.5f * h, h};
    vf integral = {0};
    *penalty = splat(0);
    for (int c = 0; c < w; c++)
        for (int lane = 0; lane < LANES; lane++) {
            int b = block * LANES + lane;
            m->x[c][lane] = start_x[(b < batch ? b : batch - 1) * w + c];
        }
    for (int s = 0; s < steps; s++) {
        for (int j = 0; j < 4; j++) {
            vf *y = m->stages + (4 * s + j) * w;
            for (int c = 0; c < w; c++) y[c] = j ? m->x[c] + reach[j] * m->k[(j - 1) * w + c] : m->x[c];
            m->l[4 * s + j] = field(y, row_of(s, j), m->k + j * w, m->sums + (4 * s + j) * 4 * pairs);
        }
        vf *l = m->l + 4 * s, *k = m->k, away = {0};
        for (int c = 0; c < w; c++) {
            vf dk = k[w + c] - k[2 * w + c];
            away += dk * dk;
            m->x[c] += h / 6 * (k[c] + 2.0f * (k[w + c] + k[2 * w + c]) + k[3 * w + c]);
        }
        *penalty += h * (magnitude(l[1] - l[2]) + root(away + TINY));
        integral += h / 6 * (l[0] + 2.0f * (l[1] + l[2]) + l[3]);
    }
    return integral;
}

/* Runs the adjoint of the solve whose stages are in m. weight has the weights of lanes. */
static void solve_backward(memory *m, vf weight) {
    int w = n * D;
    float h = 1.0f / steps;
    const float b[4] = {h / 6, h / 3, h / 3, h / 6}, reach[4] = {0, 0.5f * h, 0.5f * h, h};
    for (int c = 0; c < w; c++) m->gx[c] = m->x[c] * weight;
    for (int s = steps - 1; s >= 0; s--) {
        vf gl[4], *l = m->l + 4 * s, twin = PENALTY * h * weight, away = {0};
        for (int j = 0; j < 4; j++) {
            gl[j] = -b[j] * weight;
            for (int c = 0; c < w; c++) m->gk[j * w + c] = b[j] * m->gx[c];
        }
        vf pull = twin * copysign1(l[1] - l[2]);
        gl[1] += pull, gl[2] -= pull;
        /* The velocities of the twins follow from the next states: k_j = (y_{j+1} − y_0)/reach. */
        const vf *y = m->stages + 4 * s * w;
        vf *dk = m->v;
        for (int c = 0; c < w; c++) {
            dk[c] = (y[2 * w + c] - y[c]) / reach[2] - (y[3 * w + c] - y[c]) / reach[3];
            away += dk[c] * dk[c];
        }
        vf scale = twin / root(away + TINY);
        for (int c = 0; c < w; c++) m->gk[w + c] += scale * dk[c], m->gk[2 * w + c] -= scale * dk[c];
        for (int j = 3; j >= 0; j--) {
            vf *gy = m->v;
            memset(gy, 0, sizeof(vf) * w);
            field_backward(m, y + j * w, row_of(s, j), m->sums + (4 * s + j) * 4 * pairs, m->gk + j * w, gl[j], gy);
            for (int c = 0; c < w; c++) {
                m->gx[c] += gy[c];
                if (j) m->gk[(j - 1) * w + c] += reach[j] * gy[c];
            }
        }
    }
}

static float sign = -1; /* direction of time: +1 solves from the prior */

/* Folds the parameters into tables for the flow times of the solve. */
static void fold(void) {
    for (int k = 0; k < K; k++) {
        mu[k] = LONGEST * k / (K - 1), inverse_width[k] = expf(neg_log_gammas[k]);
        slope_of[k] = -2 * inverse_width[k] * inverse_width[k];
    }
    for (int m = 0; m < T; m++) {
        gated[m] = bias[m];
        for (int k = 0; k < K; k++) gated[m] += importance[k] * importance[k] * weights[k][m];
    }
    for (int t = 0; t < rows; t++) {
        float sum = EPS, along = (float)t / (rows - 1), at = sign < 0 ? 1 - along : along;
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(neg_log_gammas_time[m]);
            sum += time_rbf[t][m] = expf(-q * q);
        }
        constant[t] = 0;
        for (int m = 0; m < T; m++) time_rbf[t][m] /= sum, constant[t] += sign * gated[m] * time_rbf[t][m];
        for (int k = 0; k < K; k++) {
            float w = 0;
            for (int m = 0; m < T; m++) w += weights[k][m] * time_rbf[t][m];
            W[t][k] = sign * w;
        }
    }
}

typedef struct {
    float weights[K][T], bias[T], importance[K], neg_log_gammas[K], neg_log_gammas_time[T];
} parameters;

/* Sets the gradient by the parameters from the cotangents of the tables. */
static void unfold(parameters *g) {
    float ggated[T] = {0};
    memset(g, 0, sizeof *g);
    for (int k = 0; k < K; k++) g->neg_log_gammas[k] = ginverse[k] * -2 * inverse_width[k] * inverse_width[k];
    for (int t = 0; t < rows; t++) {
        float gtime[T], sum = EPS, mean = 0, at = 1 - (float)t / (rows - 1), r[T];
        for (int m = 0; m < T; m++) gtime[m] = -gconstant[t] * gated[m], ggated[m] -= gconstant[t] * time_rbf[t][m];
        for (int k = 0; k < K; k++)
            for (int m = 0; m < T; m++) {
                gtime[m] -= gW[t][k] * weights[k][m];
                g->weights[k][m] -= gW[t][k] * time_rbf[t][m];
            }
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(neg_log_gammas_time[m]);
            sum += r[m] = expf(-q * q);
            mean += gtime[m] * time_rbf[t][m];
        }
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(neg_log_gammas_time[m]);
            g->neg_log_gammas_time[m] += (gtime[m] - mean) / sum * r[m] * -2 * q * q;
        }
    }
    for (int m = 0; m < T; m++) g->bias[m] = ggated[m];
    for (int k = 0; k < K; k++)
        for (int m = 0; m < T; m++) {
            g->weights[k][m] += importance[k] * importance[k] * ggated[m];
            g->importance[k] += 2 * importance[k] * weights[k][m] * ggated[m];
        }
}

/* Makes a step of Adam, at a learning rate so small that the problem does not change. */
static void adam(const float *g) {
    enum { COUNT = sizeof(parameters) / 4 };
    static float first[COUNT], second[COUNT];
    static int t;
    struct { float *at; int count; } parts[] = {
        {weights[0], K * T}, {bias, T}, {importance, K}, {neg_log_gammas, K}, {neg_log_gammas_time, T},
    };
    t++;
    float c1 = 1 - powf(0.9f, t), c2 = 1 - powf(0.999f, t);
    for (int part = 0, i = 0; part < 5; part++)
        for (int j = 0; j < parts[part].count; j++, i++) {
            first[i] = 0.9f * first[i] + 0.1f * g[i];
            second[i] = 0.999f * second[i] + 0.001f * g[i] * g[i];
            parts[part].at[j] -= 1e-6f * (first[i] / c1) / (sqrtf(second[i] / c2) + 1e-8f);
        }
}

