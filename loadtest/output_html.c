#include <math.h>
#include <stdlib.h>

#include "loadtest/output.h"
#include "loadtest/plot.h"
#include "loadtest/revision.h"
#include "os/os.h"

#define LINES 5
static const char *const colours[LINES] = {"#2060c0", "#20a060", "#d08000", "#c03040", "#8050b0"};

static void escaped(FILE *f, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc(*text, f);
        }
    }
}

static double ms(p2_ns t) { return (double)t / (double)P2_MS; }

// One number of a row, by which line of which plot it is.
enum series { LATENCY, THROUGHPUT, QUEUE, BUSY, CORES, MEMORY, SERIES };

static double value(const struct report_second *s, enum series what, int line) {
    switch (what) {
    case LATENCY:
        if (s->done == 0) return NAN;
        return ms((const p2_ns[]){s->p50_ns, s->p90_ns, s->p99_ns, s->max_ns, 0}[line]);
    case THROUGHPUT: return (double)(const uint64_t[]){s->sent, s->done, s->not_done, 0, 0}[line];
    case QUEUE: return (double)(const uint64_t[]){s->open, s->backlog, s->queued, s->running, 0}[line];
    case BUSY: return 100 * s->busy;
    case CORES: return s->cpu[line];
    case MEMORY: return (double)s->resident[line] / 1e6;
    case SERIES: break;
    }
    return NAN;
}

struct chapter {
    enum series what;
    const char *title, *unit;
    int count;
    const char *names[LINES];
};

static const struct chapter chapters[] = {
    {LATENCY, "Latency of tasks done in each second", "ms", 4, {"p50", "p90", "p99", "max"}},
    {THROUGHPUT, "Throughput", "tasks", 3, {"sent", "done", "not done"}},
    {QUEUE, "Open tasks", "tasks", 4, {"open", "due, not sent", "queued at the coordinator", "running"}},
    {BUSY, "Peers' slots busy", "%", 1, {"busy"}},
    {CORES, "Processors used", "cores", 3, {"load", "synthetic peers", "coordinator"}},
    {MEMORY, "Memory resident", "MB", 3, {"load", "synthetic peers", "coordinator"}},
};

static void over_time(FILE *f, const struct report *r, const struct chapter *c, double *room) {
    uint32_t n = r->row_count;
    struct plot p = {.title = c->title, .x_unit = "seconds", .y_unit = c->unit, .x = room, .count = n};
    for (uint32_t i = 0; i < n; i++) room[i] = (double)r->rows[i].at_ns / (double)P2_SEC;
    for (int l = 0; l < c->count; l++) {
        double *y = room + (size_t)(l + 1) * n;
        for (uint32_t i = 0; i < n; i++) y[i] = value(&r->rows[i], c->what, l);
        p.lines[p.line_count++] = (struct plot_line){c->names[l], colours[l], y};
    }
    plot_write(f, &p);
}

static void percentiles(FILE *f, const struct report *r) {
    static const char *const names[] = {"0 %", "50 %", "75 %", "90 %", "95 %", "99 %", "99.9 %", "99.99 %", "100 %"};
    static const double qs[] = {0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};
    static const enum stage stages[] = {STAGE_LATENCY, STAGE_ADDED, STAGE_QUEUE, STAGE_PROCESSING, STAGE_LATE};
    enum { N = sizeof qs / sizeof *qs };
    double x[N], y[LINES][N];
    struct plot p = {
        .title = "Percentiles", .x_unit = "share of tasks", .y_unit = "ms", .x = x, .count = N, .x_names = names};
    for (int i = 0; i < N; i++) x[i] = i;
    for (int l = 0; l < LINES; l++) {
        for (int i = 0; i < N; i++) y[l][i] = ms(hdr_at(&r->stages[stages[l]], qs[i]));
        p.lines[p.line_count++] = (struct plot_line){stage_name(stages[l]), colours[l], y[l]};
    }
    plot_write(f, &p);
}

static const char head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>body{font:14px/1.5 sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "pre{background:#f4f4f4;padding:1em;overflow:auto}svg{width:100%;margin:.6em 0}svg text{font:11px sans-serif}"
    ".t{font-weight:bold}.r{text-anchor:end}.m{text-anchor:middle}.g{stroke:#ddd}.l{fill:none;stroke-width:1.5}"
    "</style>\n";

// The report's own text stands on the page as it is on a terminal.
static bool write_page(FILE *f, const struct output *o) {
    char *text = NULL;
    size_t size;
    double *room = malloc((LINES + 1) * (o->report->row_count + 1) * sizeof *room);
    FILE *plain = open_memstream(&text, &size);
    if (plain) output_text(plain, o);
    bool ok = plain && fclose(plain) == 0 && room;
    if (ok) {
        const char *name = o->file->scenario.name;
        const struct machine *m = &o->machine;
        fprintf(f, "%s<title>%s</title><h1>Load test: %s</h1>\n<pre>", head, name, name);
        escaped(f, text);
        fputs("</pre>\n", f);
        over_time(f, o->report, &chapters[0], room);
        percentiles(f, o->report);
        for (size_t i = 1; i < sizeof chapters / sizeof *chapters; i++) over_time(f, o->report, &chapters[i], room);
        fprintf(f, "<p>Revision %s. ", REVISION);
        escaped(f, m->cpu);
        fprintf(f, ", %u cores, %.1f GB, ", m->cores, (double)m->memory_bytes / 1e9);
        escaped(f, m->kernel);
        fputs(".</p></html>\n", f);
    }
    free(text);
    free(room);
    return ok;
}

bool output_html(const char *path, const struct output *o) {
    char *page = NULL;
    size_t size;
    FILE *f = open_memstream(&page, &size);
    if (!f) return false;
    bool ok = write_page(f, o);
    ok = fclose(f) == 0 && ok && p2_file_write(path, page, size) == P2_OK;
    free(page);
    return ok;
}

bool output_hgrm(const char *path, const struct output *o) {
    char *text = malloc(HDR_TEXT);
    struct p2_strbuf s;
    if (!text) return false;
    p2_strbuf_init(&s, text, HDR_TEXT);
    hdr_print(&o->report->stages[STAGE_LATENCY], &s);
    bool ok = p2_file_write(path, s.text, s.size) == P2_OK;
    free(text);
    return ok;
}
