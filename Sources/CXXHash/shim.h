#pragma once
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

/* libxxhash as a reference for tests of our own XXH3. */
static inline uint64_t reference_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}
