// Versions, features and the one limits table used by every parser.
#ifndef P2_MSG_LIMITS_H
#define P2_MSG_LIMITS_H

#include <stdint.h>

#define P2_PROTOCOL_MAGIC 0x52324332u // "2C2R" little-endian, first field of a HELLO
#define P2_PROTOCOL_VERSION 1
#define P2_FEATURE_ZSTD (UINT64_C(1) << 0)     // payloads may carry the zstd flag
#define P2_FEATURE_RECALL (UINT64_C(1) << 1)   // of a peer: it answers TASK_RECALL
#define P2_FEATURE_SESSIONS (UINT64_C(1) << 2) // a client's tasks outlive its connection; it acknowledges results

#define P2_HEADER_MAX 65535u                  // bytes of protobuf header in a record
#define P2_RECORD_PAYLOAD_MAX 65536u          // bytes of payload in one record; longer travels as chunks
#define P2_WEIGHT_MIN 6u                      // per cent: a client's word that a task's units are less work than usual
#define P2_WEIGHT_MAX 1600u                   // or more
#define P2_TASK_PAYLOAD_MAX (64u << 20)       // bytes of one task's payload or result
#define P2_BATCH_MAX 256u                     // tasks in one TASK_SUBMIT_BATCH
#define P2_NESTING_MAX 8u                     // nested protobuf messages
#define P2_DEVICES_MAX 16u                    // devices of one peer
#define P2_TYPES_MAX 32u                      // types offered by one peer
#define P2_DIGESTS_MAX 256u                   // digests in one BLOB_HAVE
#define P2_TASK_BLOBS_MAX 16u                 // blobs one task may refer to
#define P2_BLOB_BYTES_MAX (UINT64_C(1) << 40) // bytes of one blob that the wire can speak of
#define P2_UNMET_MAX 32u                      // rows of unmet demand in a STATUS
#define P2_OPEN_TASKS_MAX 64u                 // rows of open tasks in a STATUS
#define P2_TEXT_MAX 256u                      // bytes of any text field
#define P2_STREAM_WINDOW (256u << 10)         // bytes a sender may send of a payload before the first WINDOW

#endif
