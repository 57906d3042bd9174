/* The kernel field's flow by hand, for one core or several: what the arithmetic of a training step costs at least.
 *
 *   floor WORK THREADS < problem      then lines "go SECONDS"
 *
 * WORK is train (the whole step: NLL with the stages' penalty, its gradient, Adam), likelihood (log p alone), or rbf-train
 * and rbf-likelihood: of the same two, the sums of radial basis functions alone, which nothing but a cheaper formula can
 * avoid. The former two answer with what they computed, by the same inner loops, for the caller to judge.
 *
 * The batch runs along the vector's lanes: eight configurations with AVX2, sixteen with AVX-512, so that no shuffles are
 * needed. The forward solve keeps the stages' states and sums; the backward one computes the RBFs again, once.
 * The protocol and the formulas are those of ../peers; the layout of the problem is in read_problem. */
#define _GNU_SOURCE
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

static int n, D, batch, steps, threads, blocks, pairs, rows; /* rows = 2 steps + 1 times that RK4 visits */
static float weights[K][T], bias[T], importance[K], nlg[K], nlgt[T], *start_x;

/* What the step makes of the parameters before the pairs, and their cotangents after. */
static float mu[K], ig[K], slope_of[K]; /* centres, inverse widths, -2 ig^2 */
static float (*W)[K], *constant, (*time_rbf)[T], gated[T];
static float (*gW)[K], *gconstant, gig[K];

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

/* exp of a <= 0 to 1e-7: two to the integer part by the exponent's bits, a polynomial for the rest. */
static inline vf expneg(vf a) {
    vf x = at_least(a * 1.44269504f, -125.0f), shifted = x + 12582912.0f; /* 1.5 * 2^23: rounds to the nearest integer */
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

/* sums s = sum R, w = sum W R, and their derivatives by the distance */
static inline void rbf_forward(vf d, const float *restrict w, vf out[4]) {
    vf s = {0}, sw = {0}, ds = {0}, dw = {0};
    for (int k = 0; k < K; k++) {
        vf u = d - mu[k], a = u * ig[k], R = expneg(-(a * a)), t = slope_of[k] * u * R;
        s += R;
        ds += t;
        sw += w[k] * R;
        dw += w[k] * t;
    }
    out[0] = s, out[1] = sw, out[2] = ds, out[3] = dw;
}

/* takes the cotangents of the four sums to that of d, and adds those of the weights and (but for -2 ig) inverse widths */
static inline vf rbf_backward(vf d, const float *restrict w, const vf g[4], vf *restrict gw, vf *restrict gwidth) {
    vf gd = {0}, gs = g[0], gsw = g[1], gds = g[2], gdw = g[3];
    for (int k = 0; k < K; k++) {
        vf u = d - mu[k], a = u * ig[k], R = expneg(-(a * a)), uR = u * R, t = slope_of[k] * uR;
        vf f = gds + w[k] * gdw, gR = gs + w[k] * gsw + slope_of[k] * u * f;
        gd += gR * t + slope_of[k] * R * f;
        gw[k] += R * gsw + t * gdw;
        gwidth[k] += uR * (gR * u + 2.0f * f);
    }
    return gd;
}

/* A thread's memory: the solve of one block, and its share of the gradients. */
typedef struct {
    vf *x, *v, *k, *stages, *gx, *gk; /* [nD], [4 nD], [steps 4 nD] */
    vf *sums;                         /* [steps 4 pairs 4] */
    vf *l;                            /* [steps 4] */
    vf *gW, *gconstant, *gwidth;      /* [rows K], [rows], [K] */
    double loss;
    int from, to; /* blocks */
} memory;
static memory *memories;
static float *logp;

static void *array(size_t count, size_t size) {
    void *p = NULL;
    if (posix_memalign(&p, 64, count * size + 64)) { fprintf(stderr, "floor: memory is short\n"); exit(1); }
    return memset(p, 0, count * size);
}

/* velocity v [nD] and its divergence at x; keeps every pair's sums */
static vf field(const vf *x, int row, vf *v, vf *sums) {
    vf div = {0};
    memset(v, 0, sizeof(vf) * n * D);
    for (int i = 0, p = 0; i < n; i++)
        for (int j = i + 1; j < n; j++, p++) {
            vf square = {0}, q[4];
            for (int c = 0; c < D; c++) { vf r = x[i * D + c] - x[j * D + c]; square += r * r; }
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

/* adds to gx what the cotangents gv [nD] and gl of field's results make of it */
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

/* solves a block back to the prior; returns log p of its lanes, and the penalty */
static vf solve(memory *m, int block, vf *penalty) {
    int w = n * D;
    float h = 1.0f / steps;
    const float reach[4] = {0, 0.5f * h, 0.5f * h, h};
    vf integral = {0}, square = {0};
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
    for (int c = 0; c < w; c++) square += m->x[c] * m->x[c];
    return integral - 0.5f * square - (float)(0.5 * (n - 1) * D * log(2 * M_PI));
}

/* The adjoint of a solve whose stages are in m. weight is each lane's share of the loss. */
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
        vf sign = twin * copysign1(l[1] - l[2]);
        gl[1] += sign, gl[2] -= sign;
        /* the velocities of the twins, from the states that they led to: k_j = (y_{j+1} - y_0) / reach */
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

/* Folds the parameters into tables for the times of the inverse solve, which runs with the sign turned. */
static void fold(void) {
    for (int k = 0; k < K; k++) mu[k] = LONGEST * k / (K - 1), ig[k] = expf(nlg[k]), slope_of[k] = -2 * ig[k] * ig[k];
    for (int m = 0; m < T; m++) {
        gated[m] = bias[m];
        for (int k = 0; k < K; k++) gated[m] += importance[k] * importance[k] * weights[k][m];
    }
    for (int t = 0; t < rows; t++) {
        float sum = EPS, at = 1 - (float)t / (rows - 1);
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(nlgt[m]);
            sum += time_rbf[t][m] = expf(-q * q);
        }
        constant[t] = 0;
        for (int m = 0; m < T; m++) time_rbf[t][m] /= sum, constant[t] -= gated[m] * time_rbf[t][m];
        for (int k = 0; k < K; k++) {
            float w = 0;
            for (int m = 0; m < T; m++) w += weights[k][m] * time_rbf[t][m];
            W[t][k] = -w;
        }
    }
}

typedef struct { float weights[K][T], bias[T], importance[K], nlg[K], nlgt[T]; } parameters;

/* The gradient by the parameters from that by the tables. */
static void unfold(parameters *g) {
    float ggated[T] = {0};
    memset(g, 0, sizeof *g);
    for (int k = 0; k < K; k++) g->nlg[k] = gig[k] * -2 * ig[k] * ig[k];
    for (int t = 0; t < rows; t++) {
        float gtime[T], sum = EPS, mean = 0, at = 1 - (float)t / (rows - 1), r[T];
        for (int m = 0; m < T; m++) gtime[m] = -gconstant[t] * gated[m], ggated[m] -= gconstant[t] * time_rbf[t][m];
        for (int k = 0; k < K; k++)
            for (int m = 0; m < T; m++) {
                gtime[m] -= gW[t][k] * weights[k][m];
                g->weights[k][m] -= gW[t][k] * time_rbf[t][m];
            }
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(nlgt[m]);
            sum += r[m] = expf(-q * q);
            mean += gtime[m] * time_rbf[t][m];
        }
        for (int m = 0; m < T; m++) {
            float q = (at - (float)m / (T - 1)) * expf(nlgt[m]);
            g->nlgt[m] += (gtime[m] - mean) / sum * r[m] * -2 * q * q;
        }
    }
    for (int m = 0; m < T; m++) g->bias[m] = ggated[m];
    for (int k = 0; k < K; k++)
        for (int m = 0; m < T; m++) {
            g->weights[k][m] += importance[k] * importance[k] * ggated[m];
            g->importance[k] += 2 * importance[k] * weights[k][m] * ggated[m];
        }
}

/* Adam, with a rate so small that the problem stays what it was. */
static void adam(const float *g) {
    enum { COUNT = sizeof(parameters) / 4 };
    static float first[COUNT], second[COUNT];
    static int t;
    struct { float *at; int count; } parts[] = {{weights[0], K * T}, {bias, T}, {importance, K}, {nlg, K}, {nlgt, T}};
    t++;
    float c1 = 1 - powf(0.9f, t), c2 = 1 - powf(0.999f, t);
    for (int part = 0, i = 0; part < 5; part++)
        for (int j = 0; j < parts[part].count; j++, i++) {
            first[i] = 0.9f * first[i] + 0.1f * g[i];
            second[i] = 0.999f * second[i] + 0.001f * g[i] * g[i];
            parts[part].at[j] -= 1e-6f * (first[i] / c1) / (sqrtf(second[i] / c2) + 1e-8f);
        }
}

static void train_blocks(memory *m) {
    memset(m->gW, 0, sizeof(vf) * rows * K);
    memset(m->gconstant, 0, sizeof(vf) * rows);
    memset(m->gwidth, 0, sizeof(vf) * K);
    m->loss = 0;
    for (int block = m->from; block < m->to; block++) {
        vf penalty, weight = {0}, p = solve(m, block, &penalty);
        for (int lane = 0; lane < LANES; lane++)
            if (block * LANES + lane < batch) weight[lane] = 1.0f / batch, m->loss += (PENALTY * penalty[lane] - p[lane]) / batch;
        solve_backward(m, weight);
    }
}

static void likelihood_blocks(memory *m) {
    for (int block = m->from; block < m->to; block++) {
        vf penalty, p = solve(m, block, &penalty);
        for (int lane = 0; lane < LANES && block * LANES + lane < batch; lane++) logp[block * LANES + lane] = p[lane];
    }
}

/* The RBF sums alone, of as many pairs as a step has, at distances all over the centres. */
static void rbf_blocks(memory *m, int backward) {
    vf d = splat(0), total[4] = {{0}};
    for (int lane = 0; lane < LANES; lane++) d[lane] = 1 + 5.0f * lane / LANES;
    for (int block = m->from; block < m->to; block++)
        for (int s = 0; s < 4 * steps; s++)
            for (int p = 0; p < pairs; p++) {
                vf q[4], at = d + (float)p / pairs;
                rbf_forward(at, W[row_of(s / 4, s % 4)], q);
                for (int i = 0; i < 4; i++) total[i] += q[i];
                if (backward) total[0] += rbf_backward(at, W[row_of(s / 4, s % 4)], q, m->gW, m->gwidth);
            }
    m->x[0] = total[0] + total[1] + total[2] + total[3]; /* somewhere, so that the compiler keeps them */
}
static void rbf_train(memory *m) { rbf_blocks(m, 1); }
static void rbf_likelihood(memory *m) { rbf_blocks(m, 0); }

/* Numbers below the smallest normal one, which the far tails make, are zero: they would cost a hundred cycles each. */
static void flush_tails(void) {
#ifdef __AVX__
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static void (*work)(memory *);
static pthread_barrier_t begin, end;

__attribute__((noreturn)) static void *worker(void *m) {
    flush_tails();
    for (;;) {
        pthread_barrier_wait(&begin);
        work(m);
        pthread_barrier_wait(&end);
    }
}

static void all_threads(void) {
    if (threads > 1) pthread_barrier_wait(&begin);
    work(&memories[0]);
    if (threads > 1) pthread_barrier_wait(&end);
}

static parameters gradient;
static double loss;

static float lanes(vf a) {
    float s = 0;
    for (int i = 0; i < LANES; i++) s += a[i];
    return s;
}

static void once(void) {
    fold();
    all_threads();
    if (work != train_blocks) return;
    loss = 0;
    memset(gig, 0, sizeof gig);
    memset(gW, 0, sizeof(float) * rows * K);
    memset(gconstant, 0, sizeof(float) * rows);
    for (int i = 0; i < threads; i++) {
        memory *m = &memories[i];
        loss += m->loss;
        for (int t = 0; t < rows; t++) {
            gconstant[t] += lanes(m->gconstant[t]);
            for (int k = 0; k < K; k++) gW[t][k] += lanes(m->gW[t * K + k]);
        }
        for (int k = 0; k < K; k++) gig[k] += lanes(m->gwidth[k]);
    }
    unfold(&gradient);
    adam((float *)&gradient);
}

static void read_floats(float *to, size_t count) {
    if (fread(to, 4, count, stdin) != count) { fprintf(stderr, "floor: the problem is cut short\n"); exit(1); }
}

/* int32 n, D, batch, steps; float32 weights, bias, importance, neg_log_gammas, neg_log_gammas_time, x [batch, n, D] */
static void read_problem(void) {
    int32_t head[4];
    read_floats((float *)head, 4);
    n = head[0], D = head[1], batch = head[2], steps = head[3];
    pairs = n * (n - 1) / 2, rows = 2 * steps + 1, blocks = (batch + LANES - 1) / LANES;
    start_x = array((size_t)batch * n * D, 4), logp = array(batch, 4);
    read_floats(weights[0], K * T), read_floats(bias, T), read_floats(importance, K), read_floats(nlg, K), read_floats(nlgt, T);
    read_floats(start_x, (size_t)batch * n * D);
    W = array(rows, sizeof *W), gW = array(rows, sizeof *gW), constant = array(rows, 4), gconstant = array(rows, 4), time_rbf = array(rows, sizeof *time_rbf);
    memories = array(threads, sizeof *memories);
    for (int i = 0; i < threads; i++) {
        memory *m = &memories[i];
        int w = n * D;
        m->x = array(w, sizeof(vf)), m->v = array(w, sizeof(vf)), m->gx = array(w, sizeof(vf));
        m->k = array(4 * w, sizeof(vf)), m->gk = array(4 * w, sizeof(vf)), m->stages = array((size_t)steps * 4 * w, sizeof(vf));
        m->sums = array((size_t)steps * 16 * pairs, sizeof(vf)), m->l = array(steps * 4, sizeof(vf));
        m->gW = array(rows * K, sizeof(vf)), m->gconstant = array(rows, sizeof(vf)), m->gwidth = array(K, sizeof(vf));
        m->from = blocks * i / threads, m->to = blocks * (i + 1) / threads;
    }
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static void print(const char *name, const float *v, int count, int last) {
    printf("\"%s\":[", name);
    for (int i = 0; i < count; i++) printf("%s%.9g", i ? "," : "", v[i]);
    printf("]%s", last ? "" : ",");
}

static void answer(double first_ms) {
    printf("{\"version\":\"gcc %s\",\"setting\":\"%d threads, %d lanes\",\"compile_s\":%.6f,\"values\":{", __VERSION__, threads, LANES, first_ms / 1e3);
    if (work == train_blocks) {
        printf("\"loss\":[%.9g],", loss);
        print("grad_weights", gradient.weights[0], K * T, 0), print("grad_bias", gradient.bias, T, 0);
        print("grad_importance", gradient.importance, K, 0), print("grad_neg_log_gammas", gradient.nlg, K, 0);
        print("grad_neg_log_gammas_time", gradient.nlgt, T, 1);
    } else if (work == likelihood_blocks)
        print("log_p", logp, batch, 1);
    printf("}}\n");
    fflush(stdout);
}

static void repeat(double seconds) {
    double began = now(CLOCK_MONOTONIC), *wall = NULL, *cpu = NULL;
    int count = 0;
    while (!count || now(CLOCK_MONOTONIC) - began < seconds * 1e3) {
        if (!(count & (count - 1))) wall = realloc(wall, sizeof(double) * 2 * (count + 1)), cpu = realloc(cpu, sizeof(double) * 2 * (count + 1));
        double a = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);
        once();
        wall[count] = now(CLOCK_MONOTONIC) - a, cpu[count] = now(CLOCK_PROCESS_CPUTIME_ID) - c;
        count++;
    }
    for (int list = 0; list < 2; list++) {
        printf(list ? ",\"cpu_ms\":[" : "{\"wall_ms\":[");
        for (int i = 0; i < count; i++) printf("%s%.6f", i ? "," : "", (list ? cpu : wall)[i]);
        printf("]");
    }
    printf("}\n");
    fflush(stdout);
    free(wall), free(cpu);
}

int main(int argc, char **argv) {
    const char *names[] = {"train", "likelihood", "rbf-train", "rbf-likelihood"};
    void (*works[])(memory *) = {train_blocks, likelihood_blocks, rbf_train, rbf_likelihood};
    for (int i = 0; i < 4; i++)
        if (argc == 3 && !strcmp(argv[1], names[i])) work = works[i];
    threads = work ? atoi(argv[2]) : 0;
    if (threads < 1) { fprintf(stderr, "floor: usage: floor train|likelihood|rbf-train|rbf-likelihood THREADS < problem\n"); return 2; }
    flush_tails();
    read_problem();
    pthread_barrier_init(&begin, NULL, threads), pthread_barrier_init(&end, NULL, threads);
    for (int i = 1; i < threads; i++) {
        pthread_t id;
        if (pthread_create(&id, NULL, worker, &memories[i])) { fprintf(stderr, "floor: no thread\n"); return 1; }
    }
    double a = now(CLOCK_MONOTONIC);
    once();
    answer(now(CLOCK_MONOTONIC) - a);
    char line[64];
    while (fgets(line, sizeof line, stdin)) repeat(atof(line + 3));
    return 0;
}
