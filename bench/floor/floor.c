/* The kernel field's flow in C by hand, on one core or several: the least time for the arithmetic
 * of a training step.
 *
 *   floor WORK THREADS < problem      then lines "go SECONDS"
 *
 * WORK is one of
 *
 *   train           the whole step: NLL with the stage penalty, its gradient, Adam
 *   likelihood      log p alone
 *   sample          the flow and log q of given prior draws
 *   rbf-train       the sums of radial basis functions in train alone, which only a cheaper formula
 *                   can avoid
 *   rbf-likelihood  the same of likelihood
 *
 * The first three print what they have computed, for the caller to judge; the last two run the same
 * inner loops.
 *
 * The batch runs along the lanes of the vectors, eight configurations with AVX2 and sixteen with
 * AVX-512, so that no shuffles are needed. The forward solve keeps the states and sums of the
 * stages; the backward solve computes the RBFs once more. The protocol and the formulas are those
 * of ../peers. read_problem has the layout of the problem. */
#define _GNU_SOURCE
#include "kernel.h"

static void train_blocks(memory *m) {
    memset(m->gW, 0, sizeof(vf) * rows * K);
    memset(m->gconstant, 0, sizeof(vf) * rows);
    memset(m->gwidth, 0, sizeof(vf) * K);
    m->loss = 0;
    for (int block = m->from; block < m->to; block++) {
        vf penalty, weight = {0}, p = solve(m, block, &penalty) + log_prior(m->x);
        for (int lane = 0; lane < LANES; lane++)
            if (block * LANES + lane < batch) {
                weight[lane] = 1.0f / batch;
                m->loss += (PENALTY * penalty[lane] - p[lane]) / batch;
            }
        solve_backward(m, weight);
    }
}

static void likelihood_blocks(memory *m) {
    for (int block = m->from; block < m->to; block++) {
        vf penalty, p = solve(m, block, &penalty) + log_prior(m->x);
        for (int lane = 0; lane < LANES && block * LANES + lane < batch; lane++)
            log_density[block * LANES + lane] = p[lane];
    }
}

static void sample_blocks(memory *m) {
    for (int block = m->from; block < m->to; block++) {
        vf penalty, integral = solve(m, block, &penalty);
        vf q = log_prior(m->stages) - integral; /* the first stage is at the start */
        for (int lane = 0; lane < LANES && block * LANES + lane < batch; lane++) {
            int b = block * LANES + lane;
            log_density[b] = q[lane];
            for (int c = 0; c < n * D; c++) end_x[b * n * D + c] = m->x[c][lane];
        }
    }
}

/* Sums of RBFs alone: as many pairs as a step has, at distances all over the centres. */
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
    m->x[0] = total[0] + total[1] + total[2] + total[3]; /* keeps the compiler from dropping them */
}
static void rbf_train(memory *m) { rbf_blocks(m, 1); }
static void rbf_likelihood(memory *m) { rbf_blocks(m, 0); }

/* Sets denormal numbers to zero. They lie in the far tails of the RBFs, and each costs a hundred
 * cycles. */
static void flush_denormals(void) {
#ifdef __AVX__
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static void (*work)(memory *);
static pthread_barrier_t begin, end;

__attribute__((noreturn)) static void *worker(void *m) {
    flush_denormals();
    for (;;) {
        pthread_barrier_wait(&begin);
        work(m);
        pthread_barrier_wait(&end);
    }
}

/* Does the work on all threads. */
static void run_threads(void) {
    if (threads > 1) pthread_barrier_wait(&begin);
    work(&memories[0]);
    if (threads > 1) pthread_barrier_wait(&end);
}

static parameters gradient;
static double loss;

static float sum_lanes(vf a) {
    float s = 0;
    for (int i = 0; i < LANES; i++) s += a[i];
    return s;
}

/* Does the work once: of training, a whole step. */
static void step(void) {
    fold();
    run_threads();
    if (work != train_blocks) return;
    loss = 0;
    memset(ginverse, 0, sizeof ginverse);
    memset(gW, 0, sizeof(float) * rows * K);
    memset(gconstant, 0, sizeof(float) * rows);
    for (int i = 0; i < threads; i++) {
        memory *m = &memories[i];
        loss += m->loss;
        for (int t = 0; t < rows; t++) {
            gconstant[t] += sum_lanes(m->gconstant[t]);
            for (int k = 0; k < K; k++) gW[t][k] += sum_lanes(m->gW[t * K + k]);
        }
        for (int k = 0; k < K; k++) ginverse[k] += sum_lanes(m->gwidth[k]);
    }
    unfold(&gradient);
    adam((float *)&gradient);
}

static void read_floats(float *to, size_t count) {
    if (fread(to, 4, count, stdin) != count) {
        fprintf(stderr, "floor: the problem on standard input is cut short\n");
        exit(1);
    }
}

static void allocate(memory *m, int index) {
    int w = n * D;
    m->x = array(w, sizeof(vf)), m->v = array(w, sizeof(vf)), m->gx = array(w, sizeof(vf));
    m->k = array(4 * w, sizeof(vf)), m->gk = array(4 * w, sizeof(vf));
    m->stages = array((size_t)steps * 4 * w, sizeof(vf));
    m->sums = array((size_t)steps * 16 * pairs, sizeof(vf)), m->l = array(steps * 4, sizeof(vf));
    m->gW = array(rows * K, sizeof(vf)), m->gconstant = array(rows, sizeof(vf)), m->gwidth = array(K, sizeof(vf));
    m->from = blocks * index / threads, m->to = blocks * (index + 1) / threads;
}

/* Reads int32 n, D, batch, steps; and float32 weights, bias, importance, neg_log_gammas,
 * neg_log_gammas_time, x [batch, n, D]. */
static void read_problem(void) {
    int32_t head[4];
    read_floats((float *)head, 4);
    n = head[0], D = head[1], batch = head[2], steps = head[3];
    pairs = n * (n - 1) / 2, rows = 2 * steps + 1, blocks = (batch + LANES - 1) / LANES;
    start_x = array((size_t)batch * n * D, 4), end_x = array((size_t)batch * n * D, 4);
    log_density = array(batch, 4);
    read_floats(weights[0], K * T), read_floats(bias, T), read_floats(importance, K);
    read_floats(neg_log_gammas, K), read_floats(neg_log_gammas_time, T);
    read_floats(start_x, (size_t)batch * n * D);
    W = array(rows, sizeof *W), gW = array(rows, sizeof *gW);
    constant = array(rows, 4), gconstant = array(rows, 4), time_rbf = array(rows, sizeof *time_rbf);
    memories = array(threads, sizeof *memories);
    for (int i = 0; i < threads; i++) allocate(&memories[i], i);
}

/* Returns milliseconds. */
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

static void print_results(double first_ms) {
    printf("{\"version\":\"gcc %s\",\"setting\":\"%d threads, %d lanes\",", __VERSION__, threads, LANES);
    printf("\"compile_s\":%.6f,\"values\":{", first_ms / 1e3);
    if (work == train_blocks) {
        printf("\"loss\":[%.9g],", loss);
        print("grad_weights", gradient.weights[0], K * T, 0), print("grad_bias", gradient.bias, T, 0);
        print("grad_importance", gradient.importance, K, 0);
        print("grad_neg_log_gammas", gradient.neg_log_gammas, K, 0);
        print("grad_neg_log_gammas_time", gradient.neg_log_gammas_time, T, 1);
    } else if (work == likelihood_blocks)
        print("log_p", log_density, batch, 1);
    else if (work == sample_blocks)
        print("x", end_x, batch * n * D, 0), print("log_q", log_density, batch, 1);
    printf("}}\n");
    fflush(stdout);
}

/* Repeats the work for some seconds, at least once, and prints the times of every run. */
static void measure(double seconds) {
    double began = now(CLOCK_MONOTONIC), *wall = NULL, *cpu = NULL;
    int count = 0;
    while (!count || now(CLOCK_MONOTONIC) - began < seconds * 1e3) {
        if (!(count & (count - 1))) {
            wall = realloc(wall, sizeof(double) * 2 * (count + 1));
            cpu = realloc(cpu, sizeof(double) * 2 * (count + 1));
        }
        double a = now(CLOCK_MONOTONIC), c = now(CLOCK_PROCESS_CPUTIME_ID);
        step();
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
    const char *names[] = {"train", "likelihood", "sample", "rbf-train", "rbf-likelihood"};
    void (*works[])(memory *) = {train_blocks, likelihood_blocks, sample_blocks, rbf_train, rbf_likelihood};
    for (int i = 0; i < 5; i++)
        if (argc == 3 && !strcmp(argv[1], names[i])) work = works[i];
    threads = work ? atoi(argv[2]) : 0;
    if (threads < 1) {
        fprintf(stderr, "floor: usage: floor train|likelihood|sample|rbf-train|rbf-likelihood THREADS < problem\n");
        return 2;
    }
    if (work == sample_blocks) sign = 1;
    flush_denormals();
    read_problem();
    pthread_barrier_init(&begin, NULL, threads), pthread_barrier_init(&end, NULL, threads);
    for (int i = 1; i < threads; i++) {
        pthread_t id;
        if (pthread_create(&id, NULL, worker, &memories[i])) {
            fprintf(stderr, "floor: cannot start thread %d of %d; give fewer\n", i + 1, threads);
            return 1;
        }
    }
    double a = now(CLOCK_MONOTONIC);
    step();
    print_results(now(CLOCK_MONOTONIC) - a);
    char line[64];
    while (fgets(line, sizeof line, stdin)) measure(atof(line + 3));
    return 0;
}
