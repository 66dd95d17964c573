// What is asked of a TCP socket beside lws and libuv, whose headers clash with the kernel's own.
#ifndef P2_NET_SOCKET_H
#define P2_NET_SOCKET_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/ns.h"

// No delay, keepalive, little unsent data in the kernel; unacknowledged data for `unacked_ns` ends the connection.
void p2_socket_tune(int fd, p2_ns unacked_ns);

// Nothing more will come: all was read that there is.
bool p2_socket_ended(int fd);

// Bytes the remote's TCP has confirmed since the start; false when the kernel does not say.
bool p2_socket_acked(int fd, uint64_t *bytes_out);

// The remote's numeric address without port; IPv4 also when it came in over IPv6. "" when unknown.
void p2_socket_remote(int fd, char out[static INET6_ADDRSTRLEN]);

#endif
