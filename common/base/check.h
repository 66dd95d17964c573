// Assertions that stay on in every build. A failed check is our bug: it names the place and aborts.
// Nothing a remote sends may reach one; remotes get error codes (err.h).
#ifndef P2_BASE_CHECK_H
#define P2_BASE_CHECK_H

_Noreturn void p2_check_failed(const char *expression, const char *file, int line);

#define P2_CHECK(cond) ((cond) ? (void)0 : p2_check_failed(#cond, __FILE__, __LINE__))
#define P2_UNREACHABLE() p2_check_failed("unreachable", __FILE__, __LINE__)

#endif
