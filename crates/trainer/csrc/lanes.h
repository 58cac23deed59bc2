// Sixteen numbers at once, in whatever vector registers the file is compiled for.
//
// No template or inline function of the standard library may be used here: the linker keeps one copy of each, and that
// could be the copy compiled for a processor with wider registers.
#pragma once

#include <stdint.h>
#include <string.h>

namespace {

constexpr int LANES = 16;

typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef int32_t Whole __attribute__((vector_size(4 * LANES)));
typedef uint32_t Bits __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));
typedef uint8_t Bytes __attribute__((vector_size(LANES)));

// The upper half of a single-precision number.
struct Bfloat {
  uint16_t bits;
};

inline Floats all(float value) { return value - Floats{}; }

inline Floats load(const float* from) {
  Floats found;
  memcpy(&found, from, sizeof found);
  return found;
}

inline void store(float* into, Floats values) { memcpy(into, &values, sizeof values); }

inline Floats load(const Bfloat* from) {
  Halves halves;
  memcpy(&halves, from, sizeof halves);
  return (Floats)(__builtin_convertvector(halves, Bits) << 16);
}

// Rounded to the nearest, to the even one of two.
inline void store(Bfloat* into, Floats values) {
  Bits bits = (Bits)values;
  bits += 0x7fff + ((bits >> 16) & 1);
  Halves halves = __builtin_convertvector(bits >> 16, Halves);
  memcpy(into, &halves, sizeof halves);
}

inline Whole load(const uint8_t* from) {
  Bytes bytes;
  memcpy(&bytes, from, sizeof bytes);
  return __builtin_convertvector(bytes, Whole);
}

inline void store(uint8_t* into, Whole values) {
  Bytes bytes = __builtin_convertvector(values, Bytes);
  memcpy(into, &bytes, sizeof bytes);
}

// 2 to a power from -126 to 126, within 2e-9 of it before rounding.
inline Floats power_of_two(Floats power) {
  power = power > -126 ? power : all(-126);
  power = power < 126 ? power : all(126);
  const float rounding = 12582912;  // 1.5 * 2^23: what is added to it is rounded to a whole number
  const Floats whole = (power + rounding) - rounding;
  const Floats rest = power - whole;
  Floats sum = all(1.5467365e-4f);
  sum = sum * rest + 1.3400432e-3f;
  sum = sum * rest + 9.6180360e-3f;
  sum = sum * rest + 5.5503272e-2f;
  sum = sum * rest + 2.4022651e-1f;
  sum = sum * rest + 6.9314721e-1f;
  sum = sum * rest + 1;
  const Whole scale = (__builtin_convertvector(whole, Whole) + 127) << 23;
  return sum * (Floats)scale;
}

// The standard normal distribution at `at`: the share below, within 3e-8, and the density.
//
// Below minus `a` it is the density times a polynomial in 1 / (1 + 0.28 a), fitted by least squares.
inline void normal_distribution(Floats at, Floats& below, Floats& density) {
  const Floats distance = at < 0 ? -at : at;
  const Floats falls = power_of_two(at * at * -0.72134752f);
  const Floats near = 1 / (1 + 0.28f * distance);
  Floats sum = all(-0.10392528f);
  sum = sum * near + 0.38215279f;
  sum = sum * near - 0.22440902f;
  sum = sum * near + 0.25872227f;
  sum = sum * near + 0.071592392f;
  sum = sum * near + 0.11586686f;
  const Floats tail = sum * near * falls;
  below = at < 0 ? tail : 1 - tail;
  density = falls * 0.39894228f;
}

// Activations: the value, and the slope. Not-a-number stays what it is.

struct Gelu {
  static Floats value(Floats at) {
    Floats below, density;
    normal_distribution(at, below, density);
    return at * below;
  }
  static Floats slope(Floats at) {
    Floats below, density;
    normal_distribution(at, below, density);
    return below + at * density;
  }
};

struct Silu {
  static Floats sigmoid(Floats at) { return 1 / (1 + power_of_two(at * -1.4426950f)); }
  static Floats value(Floats at) { return at * sigmoid(at); }
  static Floats slope(Floats at) {
    const Floats share = sigmoid(at);
    return share * (1 + at * (1 - share));
  }
};

struct Relu {
  static Floats value(Floats at) { return at < 0 ? all(0) : at; }
  static Floats slope(Floats at) { return at > 0 ? all(1) : all(0); }
};

struct Identity {
  static Floats value(Floats at) { return at; }
  static Floats slope(Floats) { return all(1); }
};

}  // namespace
