// P2C2R client library: hand work to a community's GPUs from a game loop.
//
// Rules. Nothing is printed, no signal is touched, and no thread is started for a numeric address unless asked for
// (io_thread); resolving a host name uses libuv's worker threads. Every call returns at once except those named _wait;
// destroying a client waits for a name being resolved. Nothing is called back: completions are what p2c2r_poll returns.
// A client and its tickets belong to one thread at a time. Every ticket ends exactly once: result, refusal, expiry,
// cancellation or loss, also when the connection dies or the client is destroyed. Structs start with `size`: set it to
// sizeof; all other zeroes mean the default. An allocator of your own: memory.h.
#ifndef P2C2R_P2C2R_H
#define P2C2R_P2C2R_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define P2C2R_API __attribute__((visibility("default")))
#else
#define P2C2R_API
#endif

#define P2C2R_VERSION_MAJOR 0
#define P2C2R_VERSION_MINOR 1

typedef struct p2c2r_client p2c2r_client;
typedef uint64_t p2c2r_ticket; // never 0

// What a call returns. Names and sentences: p2c2r_status_name, p2c2r_status_text.
typedef int32_t p2c2r_status;
enum {
    P2C2R_OK = 0,
    P2C2R_EAGAIN = -1, // the window is full: poll, then submit again (or drop the frame)
    P2C2R_EINVAL = -2, // an argument is out of its range
    P2C2R_ENOMEM = -3,
    P2C2R_EUNREACHABLE = -4, // no coordinator answers
    P2C2R_ETIMEOUT = -5,     // a _wait ran out of time; the ticket lives on
    P2C2R_ENOTFOUND = -6,    // no such ticket (ended and released, or never given)
    P2C2R_ECLOSED = -7,
    P2C2R_EREFUSED = -8, // the coordinator does not take it: p2c2r_last_error
};

// How a ticket ended.
typedef uint32_t p2c2r_outcome;
enum {
    P2C2R_DONE = 1,      // result is there
    P2C2R_REFUSED = 2,   // never accepted: code says why
    P2C2R_FAILED = 3,    // accepted, tried, not computed
    P2C2R_EXPIRED = 4,   // its deadline passed
    P2C2R_CANCELLED = 5, // on your request
    P2C2R_LOST = 6,      // the connection ended and did not come back in time: it may or may not have been computed
};

// Priority class.
typedef uint32_t p2c2r_class;
enum { P2C2R_REALTIME = 0, P2C2R_INTERACTIVE = 1, P2C2R_BATCH = 2, P2C2R_BACKGROUND = 3 };

typedef struct p2c2r_options {
    size_t size;
    // "ws://host:port"; default ws://127.0.0.1:8765. Or up to 8, separated by commas or blanks: the one with the
    // shortest round trip is taken, and another when it is gone; tickets go along (README, "Connections"). Copied.
    const char *coordinator;
    uint32_t tasks_max;         // tickets open at once; default 4096
    uint64_t payload_bytes_max; // of payloads held for open tickets; default 256 MiB
    // Tickets are LOST when no coordinator answers that long; default 10,000, and for those that were sent before the
    // connection was lost as long as the coordinator keeps them (30 s unless set otherwise there).
    int64_t connect_timeout_ms;
    // For a game to test itself: every message from the coordinator is held back so long, and such a share of
    // submissions never leaves (they end EXPIRED). 0: none.
    int64_t fake_lag_ms;
    double fake_loss; // 0..1
    // NULL: silent. Called inside calls of this library (with io_thread also on its thread), and may itself call none
    // with the same client: those give P2C2R_EINVAL (polls: nothing), and p2c2r_destroy must not be called.
    void (*log)(void *context, const char *line);
    void *log_context;
    // 1: a thread of the library serves the connection, also between calls. These stay the same, from one thread of
    // yours; submit and poll then touch no socket, the rare ones may wait for what the thread does just then.
    int32_t io_thread;
    // The path of p2c2r-executor: it is started by p2c2r_create, as a child that ends with this process (and with the
    // thread that called), started again, at most five times in a row, when it crashed, and runs what the cluster does
    // not take, or not in time (README, "On the player's own machine"). As of any child, its end is a SIGCHLD here.
    // Tasks that refer to blobs are not run there. NULL: nothing is started, no task runs on this machine. Copied.
    const char *local_executor;
    const char *local_device; // of `p2c2r-executor --list`, "0" by default, or "fake": plain C. Copied
    uint32_t local_tasks_max; // tasks it runs at once; default 2, at most 16
} p2c2r_options;

// One named parameter of a task; `value` as on the command line ("960x540", "quality", "0,-9.8,0").
typedef struct p2c2r_param {
    const char *name, *value;
} p2c2r_param;

typedef enum p2c2r_cache {
    P2C2R_CACHE_BYPASS = 1,  // neither answered from what is known nor remembered
    P2C2R_CACHE_REFRESH = 2, // computed anew, and remembered
    P2C2R_CACHE_PRIVATE = 4, // known to and remembered for this connection only
} p2c2r_cache;

// The SHA-256 by which a blob is known: what many tasks need (a scene, a model, a world), or what is larger than a
// payload.
typedef struct p2c2r_digest {
    uint8_t bytes[32];
} p2c2r_digest;

typedef struct p2c2r_task {
    size_t size;
    const char *type; // "upscale", "echo", ...
    const p2c2r_param *params;
    uint32_t param_count;
    p2c2r_class priority; // default REALTIME
    int64_t deadline_ms;  // from now; default: learned, 4 times the type's usual time at most (README, "Deadlines")
    const void *payload;  // copied before the call returns, unless payload_lent
    size_t payload_size;
    void *out; // result goes here when it fits; else and when NULL into memory of ours
    size_t out_capacity;
    void *user; // returned with the result
    // Results of deterministic types are remembered by the coordinator, and identical tasks share one run.
    uint32_t cache;  // bits of p2c2r_cache; default 0
    uint32_t series; // frames of one stream: when room is short a newer one takes an older one's place; default 0: none
    const p2c2r_digest *blobs; // it refers to, in the order its type knows them; at most 16. Copied
    uint32_t blob_count;       // one the coordinator has not got: REFUSED, BlobMissing
    // Not 0: the payload is not copied. It stays as it is until the ticket's result was given, which waits for that.
    // It does not count against payload_bytes_max.
    int64_t payload_lent;
} p2c2r_task;

// Whose result it is.
enum {
    P2C2R_ORIGIN_NONE = 0,  // there is none
    P2C2R_ORIGIN_PEER = 1,  // a peer of the cluster computed it
    P2C2R_ORIGIN_CACHE = 2, // the coordinator knew it
    P2C2R_ORIGIN_LOCAL = 3, // this machine computed it, or (FAILED) tried last
};

typedef struct p2c2r_result {
    size_t size;
    p2c2r_ticket ticket;
    void *user;
    p2c2r_outcome outcome;
    uint32_t code;         // stable error code, 0 when DONE (list: PROTOCOL.md)
    const char *code_name; // "NoCapablePeer"; static
    const char *reason;    // one sentence, "" when DONE. Lends until release.
    int32_t retryable;
    int64_t retry_after_us;
    const void *data; // the result. Lends until release (task.out: yours anyway).
    size_t data_size;
    uint32_t attempts; // peers it was given to
    int32_t cached;
    char peer[33]; // pseudonym of who computed it
    // Where the time went, microseconds.
    int64_t total_us;      // submit to result here
    int64_t queue_us;      // waiting at the coordinator and at the peer
    int64_t transfer_us;   // total less queue and processing
    int64_t processing_us; // on the peer, codecs included
    int64_t kernel_us;     // on its device
    uint32_t origin;       // P2C2R_ORIGIN_...
} p2c2r_result;

// Never blocks: connecting goes on inside poll. NULL when an option is out of range or memory is short.
P2C2R_API p2c2r_client *p2c2r_create(const p2c2r_options *options);
// Ends every ticket (LOST, not reported) and frees all. Sets *client to NULL. Fine with NULL.
P2C2R_API void p2c2r_destroy(p2c2r_client **client);

// Hands over a task. P2C2R_OK and *ticket, P2C2R_EAGAIN, P2C2R_EINVAL (unknown type, bad parameter: p2c2r_last_error),
// P2C2R_ENOMEM. Copies the payload and returns: the next p2c2r_poll or _wait sends it; with io_thread it goes at once.
P2C2R_API p2c2r_status p2c2r_submit(p2c2r_client *client, const p2c2r_task *task, p2c2r_ticket *ticket);
// Several, in one message as far as that goes. statuses[i] as p2c2r_submit would return; returns P2C2R_OK when all are.
P2C2R_API p2c2r_status p2c2r_submit_batch(p2c2r_client *client, const p2c2r_task *tasks, uint32_t count,
                                          p2c2r_ticket *tickets, p2c2r_status *statuses);
// Asks for an end; the ticket still ends exactly once, CANCELLED or DONE if that was quicker.
P2C2R_API p2c2r_status p2c2r_cancel(p2c2r_client *client, p2c2r_ticket ticket);

// Sends, receives, and fills up to `max` results of tickets that ended. Waits at most timeout_us for the first (0:
// not at all), and no longer than until a frame of a stream (frames.h) has ended, which is p2c2r_stream_poll's. Returns
// how many. Each must be released. results[0].size says how large the caller's struct is, for all of them: they lie
// that far apart, so an array of one's own sizeof is right with any version of this library. Filled results have that
// size too; what a caller's struct is too small for is left out, what this library does not know is zero. The other
// elements' size is not read. A size below `outcome`, or above 16 times this struct, gives 0 results and
// p2c2r_last_error. results may be NULL with max 0.
P2C2R_API uint32_t p2c2r_poll(p2c2r_client *client, p2c2r_result *results, uint32_t max, int64_t timeout_us);
// Until this ticket ends, at most timeout_us. Other tickets' results stay for poll.
P2C2R_API p2c2r_status p2c2r_wait(p2c2r_client *client, p2c2r_ticket ticket, p2c2r_result *result, int64_t timeout_us);
// Both, for tools: submits and waits, also for a connection. What p2c2r_submit or p2c2r_wait return; after
// P2C2R_ETIMEOUT result->ticket is the ticket, which lives on: wait for it, cancel it, or let p2c2r_poll have it.
P2C2R_API p2c2r_status p2c2r_submit_wait(p2c2r_client *client, const p2c2r_task *task, p2c2r_result *result,
                                         int64_t timeout_us);
// Returns what a result lends. Fine for one that lends nothing.
P2C2R_API void p2c2r_release(p2c2r_client *client, p2c2r_result *result);

// Would a task be done in time? As things stand at the coordinator; it promises nothing.
typedef uint64_t p2c2r_question; // never 0
typedef struct p2c2r_forecast {
    size_t size;
    int32_t can;           // 1: likely by its deadline
    uint32_t code;         // why not, 0 when it can
    const char *code_name; // "WouldMissDeadline"; static
    char reason[257];      // one sentence, "" when it can
    int32_t retryable;
    int64_t retry_after_us;
    // From the coordinator to here, in half and in 95 of 100 such cases; 0 when it would be refused.
    int64_t p50_us, p95_us;
    uint32_t queue_position; // tasks that would go before it
} p2c2r_forecast;

// Asks about a task without handing it over; of its payload only the size counts. P2C2R_OK and *question, P2C2R_EAGAIN
// (16 are on their way), P2C2R_EINVAL, P2C2R_EUNREACHABLE (not connected: no).
P2C2R_API p2c2r_status p2c2r_can_meet(p2c2r_client *client, const p2c2r_task *task, p2c2r_question *question);
// P2C2R_OK and *out, once for each question, after a poll brought the answer (or the connection's end); P2C2R_EAGAIN:
// not yet. The 16 newest are kept.
P2C2R_API p2c2r_status p2c2r_answer(p2c2r_client *client, p2c2r_question question, p2c2r_forecast *out);
// Both, and connecting before. Waits at most timeout_us.
P2C2R_API p2c2r_status p2c2r_can_meet_wait(p2c2r_client *client, const p2c2r_task *task, p2c2r_forecast *out,
                                           int64_t timeout_us);

// Brings the coordinator a blob, if it has not got it: P2C2R_OK, and tasks can refer to *digest (which is set in any
// case; may be NULL). One that was interrupted goes on where it was, also by a later call or another client. `bytes`
// are read meanwhile, also from a mapped file; 1 byte at least. P2C2R_EREFUSED: too large, no room, or the
// coordinator keeps none. P2C2R_ETIMEOUT, P2C2R_EUNREACHABLE, P2C2R_ECLOSED. Other tickets go on meanwhile; their
// results stay for poll.
P2C2R_API p2c2r_status p2c2r_blob_put_wait(p2c2r_client *client, const void *bytes, uint64_t size, p2c2r_digest *digest,
                                           int64_t timeout_us);

// 1 once the coordinator has answered on the present connection.
P2C2R_API int32_t p2c2r_connected(const p2c2r_client *client);
// For an engine that owns the loop: poll when this descriptor is readable, or after that many microseconds (-1: none).
// With io_thread there is nothing to watch: -1, and 0 when something ended, else -1.
P2C2R_API int p2c2r_fd(const p2c2r_client *client);
P2C2R_API int64_t p2c2r_next_timeout_us(const p2c2r_client *client);

P2C2R_API const char *
p2c2r_last_error(const p2c2r_client *client); // sentence for the last call that failed; "" if none
P2C2R_API const char *p2c2r_status_name(p2c2r_status status);
P2C2R_API const char *p2c2r_status_text(p2c2r_status status);
P2C2R_API const char *p2c2r_outcome_name(p2c2r_outcome outcome);
P2C2R_API const char *p2c2r_origin_name(uint32_t origin); // "local"
P2C2R_API const char *p2c2r_version(void);

#ifdef __cplusplus
}
#endif

#endif
