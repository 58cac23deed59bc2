// What a stage is asked for and gives, on whichever device.
#pragma once

#include <ATen/core/Tensor.h>

#include "stage_kernels.h"

namespace stage {

struct Settings {
  bool pools, training;
  Activation activation;
  Join join;
  double momentum, eps;
};

// `input` is what is normalized; where it was pooled, `index` says from which pixels.
struct Passed {
  at::Tensor input, index, output, scale, shift;
};

// Of what came in, of the bias, and behind the activation.
struct Gradients {
  at::Tensor whole, bias, inner;
};

// Maps that lie like `maps`, in another size.
at::Tensor like(const at::Tensor& maps, long rows, long columns, at::ScalarType kind);

inline float* floats(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

namespace gpu {

// Whether a test computes stages on the CPU as a GPU would.
bool is_emulated();

// Statistics that run are updated where it trains.
Passed forward(const at::Tensor& whole, const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& variance,
               const at::Tensor& joined, const Settings& settings);

// `whole` is the size of what came in.
Gradients backward(const at::Tensor& gradient, const Passed& passed, const at::Tensor& joined, const at::Tensor& bias,
                   at::IntArrayRef whole, const Settings& settings);

}  // namespace gpu
}  // namespace stage
