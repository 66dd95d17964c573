#include "net/socket.h"

#include <linux/tcp.h> // its tcp_info is newer than the C library's
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

// Bytes the kernel may hold unsent before the socket counts as full. What is beyond stays in our lanes, where an urgent
// record still overtakes it.
#define UNSENT_BYTES_MAX (128 * 1024)
#define KEEPALIVE_IDLE_S 60 // only a second line: WebSocket pings find a silent remote first

void p2_socket_tune(int fd, p2_ns unacked_ns) {
    const int on = 1, idle = KEEPALIVE_IDLE_S, interval = 10, probes = 3, unsent = UNSENT_BYTES_MAX;
    const unsigned unacked_ms = (unsigned)p2_ns_min(unacked_ns / P2_MS, INT32_MAX);
    // Each is a refinement: a kernel that refuses one still carries the connection.
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked_ms, sizeof unacked_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

bool p2_socket_ended(int fd) {
    char next;
    return recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool p2_socket_acked(int fd, uint64_t *bytes_out) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    if (size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return false;
    *bytes_out = info.tcpi_bytes_acked;
    return true;
}

void p2_socket_remote(int fd, char out[static INET6_ADDRSTRLEN]) {
    struct sockaddr_storage sa;
    socklen_t size = sizeof sa;
    out[0] = '\0';
    if (getpeername(fd, (struct sockaddr *)&sa, &size) != 0) return;
    if (sa.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&sa;
        inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
    } else if (sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&sa;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        inet_ntop(mapped ? AF_INET : AF_INET6, &v6->sin6_addr.s6_addr[mapped ? 12 : 0], out, INET6_ADDRSTRLEN);
    }
}
