#pragma once
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

/* libxxhash as a reference for tests of our own XXH3. */
static inline uint64_t reference_xxh3_64(const void *bytes, size_t count, uint64_t seed) {
    return XXH3_64bits_withSeed(bytes, count, seed);
}

/* The low half of the 128-bit hash is written to halves[0], the high half to halves[1]. */
static inline void reference_xxh3_128(
    const void *bytes, size_t count, uint64_t seed, uint64_t *halves
) {
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes, count, seed);
    halves[0] = hash.low64;
    halves[1] = hash.high64;
}
