// The loops of a stage: what stands between two convolutions.
//
// Numbers lie pixel by pixel, the channels of a pixel next to each other; their count is a multiple of 16. A stage
// brings the channels of `input` to zero mean and unit variance, adds the bias and activates:
//
//     output = activation(scale * input + shift [+ joined before]) [+ joined after]
//
// Where it pools, `input` is what pooling left, and `index` says which of the four pixels that was.
#pragma once

#include <stdint.h>

namespace stage {

enum class Activation { gelu, silu, relu, identity };

// Where the stage's other input is added.
enum class Join { none, before_activation, after_activation };

// A map of pixels, before it is pooled.
struct Map {
  long rows, columns, channels;
};

// What a stage does to each number of a channel.
struct Affine {
  const float *scale, *shift;
};

// What the gradient of a channel lacks: output gradients are `scale * (gradient - mean_gradient - normal *
// mean_product)`.
struct Centering {
  const float *mean_gradient, *mean_product;
};

// `Number` is float or 16 bits of one.
template <typename Number>
struct Kernels {
  // The mean of each channel over pixels, and the sum of the squares of the deviations from it.
  void (*moments)(const Number* input, long pixels, long channels, float* means, float* squares);
  // The largest of four pixels, and which it is: 0 to 3 in reading order. Of a last odd row or column nothing remains.
  void (*pool)(const Number* whole, Map map, Number* pooled, uint8_t* index);
  void (*forward)(const Number* input, const Number* joined, Number* output, long pixels, long channels, Affine affine,
                  Activation activation, Join join);
  // The gradient behind the activation, its sums, and those of its products with the normalized input.
  void (*backward)(const Number* gradient, const Number* input, const Number* joined, Number* inner, long pixels,
                   long channels, Affine affine, const float* bias, Activation activation, Join join, float* gradients,
                   float* products);
  // The gradient in front of the normalization; it may lie where `inner` does.
  void (*center)(const Number* inner, const Number* input, Number* result, long pixels, long channels, Affine affine,
                 const float* bias, Centering centering);
  // The same, each number put where pooling took it from, and zeros elsewhere.
  void (*spread)(const Number* inner, const Number* input, const uint8_t* index, Map map, Number* result, Affine affine,
                 const float* bias, Centering centering);
};

// For single precision and for bfloat16.
struct Set {
  Kernels<float> single;
  Kernels<uint16_t> bfloat;
};

namespace baseline {
Set kernels();
}
namespace avx2 {
Set kernels();
}
namespace avx512 {
Set kernels();
}

}  // namespace stage
