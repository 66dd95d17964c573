// 128 bits, for products of two numbers of 64.
#ifndef P2_BASE_WIDE_H
#define P2_BASE_WIDE_H

__extension__ typedef unsigned __int128 p2_wide;

#endif
