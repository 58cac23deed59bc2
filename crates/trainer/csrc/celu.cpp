// libtorch's CELU, which tch binds without its alpha.
#include <ATen/core/Tensor.h>
#include <ATen/ops/celu_ops.h>

#include "guarded.h"

// A new tensor, which the caller owns; its gradient is libtorch's.
extern "C" const char* hlb_celu(const at::Tensor* input, double alpha, at::Tensor** output) {
  return hlb::guarded([&] { *output = new at::Tensor(at::_ops::celu::call(*input, alpha)); });
}
